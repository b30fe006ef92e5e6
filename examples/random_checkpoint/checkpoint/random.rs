//! Random bytes by the hundred megabytes, the same for the same seed.

use vlm_test::vlm::Precision;

/// Values that a float may take: enough to look continuous, few enough to stay in a cache.
const LEVELS: usize = 4096;

/// Sebastiano Vigna's `SplitMix64`.
pub struct SplitMix(u64);

impl SplitMix {
    /// The stream of a name.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Fills a buffer with bits.
    pub fn bits(&mut self, buffer: &mut [u8]) {
        for group in buffer.chunks_mut(8) {
            group.copy_from_slice(&self.next().to_le_bytes()[..group.len()]);
        }
    }

    /// Fills a buffer with elements of a table.
    fn pick<const WIDTH: usize>(&mut self, table: &[[u8; WIDTH]], buffer: &mut [u8]) {
        for group in buffer.chunks_mut(4 * WIDTH) {
            let mut bits = self.next();
            for element in group.chunks_exact_mut(WIDTH) {
                element.copy_from_slice(&table[bits as usize % LEVELS]);
                bits >>= 16;
            }
        }
    }
}

/// Evenly spread floats as bytes, little-endian.
pub enum Floats {
    Two(Vec<[u8; 2]>),
    Four(Vec<[u8; 4]>),
}

impl Floats {
    pub fn between(low: f32, high: f32, precision: Precision) -> Self {
        let levels = (0..LEVELS).map(|level| low + (high - low) * level as f32 / LEVELS as f32);
        match precision {
            Precision::Float32 => Self::Four(levels.map(f32::to_le_bytes).collect()),
            Precision::Float16 => Self::Two(levels.map(|x| float16(x).to_le_bytes()).collect()),
            Precision::Bfloat16 => {
                Self::Two(levels.map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes()).collect())
            }
        }
    }

    pub fn fill(&self, random: &mut SplitMix, buffer: &mut [u8]) {
        match self {
            Self::Two(table) => random.pick(table, buffer),
            Self::Four(table) => random.pick(table, buffer),
        }
    }
}

/// An IEEE 754 half, truncated. The product has the exponent of a half in the place of a
/// single's, subnormal numbers included.
fn float16(x: f32) -> u16 {
    let scaled = (x.abs() * 2_f32.powi(-112)).to_bits() >> 13;
    (scaled as u16).min(0x7c00) | if x.is_sign_negative() { 0x8000 } else { 0 }
}

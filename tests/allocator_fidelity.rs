//! The simulated allocator of the CPU is MLX's own, step for step: both are made to do the same
//! at random, and their counters are equal after every step. The counters are those of the whole
//! process, so this file holds one test. MLX counts differently on a Mac.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlx_rs::Array;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use vlm_test::memory::{
    Allocator, MemoryReading, MlxAllocator,
    simulated::{Buffer, Profile, SimulatedAllocator, SimulatedDevice},
};

const SEEDS: u64 = 6;
const STEPS: usize = 20_000;
const MOST_ALIVE: usize = 300;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The same things in both, at the same places.
struct Pair {
    mlx: MlxAllocator,
    simulated: SimulatedAllocator,
    /// What other tests or MLX itself hold.
    offset: u64,
    alive: Vec<(Array, Buffer)>,
    data: Vec<u8>,
    hits: usize,
}

impl Pair {
    fn new() -> Self {
        let mlx = MlxAllocator::new().unwrap();
        mlx.synchronize().unwrap();
        mlx.clear_cache().unwrap();
        mlx.reset_peak().unwrap();
        let device = SimulatedDevice::new(Profile::Cpu, 1 << 40);
        Self {
            mlx,
            simulated: SimulatedAllocator::new(device),
            offset: mlx.reading().unwrap().active_bytes,
            alive: Vec::new(),
            data: vec![7; 48 * MIB as usize],
            hits: 0,
        }
    }

    fn allocate(&mut self, bytes: u64) {
        let cached = self.simulated.reading().unwrap().cache_bytes;
        let array = Array::from_slice(&self.data[..bytes as usize], &[bytes as i32]);
        self.alive.push((array, self.simulated.allocate(bytes).unwrap()));
        self.hits += usize::from(self.simulated.reading().unwrap().cache_bytes < cached);
    }

    fn free(&mut self, index: usize) {
        if !self.alive.is_empty() {
            self.alive.swap_remove(index % self.alive.len());
        }
    }

    fn both(&self, act: impl Fn(&dyn Allocator)) {
        act(&self.mlx);
        act(&self.simulated);
    }

    /// The counters of both, MLX's without what was there before.
    fn readings(&self) -> (MemoryReading, MemoryReading) {
        let mut mlx = self.mlx.reading().unwrap();
        mlx.active_bytes -= self.offset;
        mlx.peak_bytes = mlx.peak_bytes.saturating_sub(self.offset);
        (mlx, self.simulated.reading().unwrap())
    }
}

/// Mostly sizes that come again or nearly so, as they do from question to question.
fn size(dice: &mut ChaCha8Rng) -> u64 {
    let of = |dice: &mut ChaCha8Rng, limit: u64| dice.next_u64() % limit;
    match of(dice, 1000) {
        0 => 0,
        1 => 30 * MIB + of(dice, 8 * MIB),
        2..10 => of(dice, 4 * MIB),
        10..300 => of(dice, 64),
        300..700 => 4 * KIB * (1 + of(dice, 16)),
        _ => of(dice, 96 * KIB),
    }
}

fn limit(dice: &mut ChaCha8Rng) -> u64 {
    [0, 64 * KIB, 512 * KIB, 4 * MIB, 32 * MIB][dice.next_u64() as usize % 5]
}

#[test]
fn active_cached_and_peak_are_those_of_mlx_after_every_one_of_120_000_steps() {
    let mut hits = 0;
    for seed in 0..SEEDS {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut pair = Pair::new();
        pair.both(|it| it.set_cache_limit(32 * MIB).unwrap());
        for step in 0..STEPS {
            let what = match dice.next_u64() % 1000 {
                0 => {
                    pair.both(|it| it.clear_cache().unwrap());
                    "clear".to_owned()
                }
                1..4 => {
                    let bytes = limit(&mut dice);
                    pair.both(|it| it.set_cache_limit(bytes).unwrap());
                    format!("limit to {bytes}")
                }
                4..14 => {
                    pair.both(|it| it.reset_peak().unwrap());
                    "reset".to_owned()
                }
                14..24 => {
                    pair.both(|it| it.synchronize().unwrap());
                    "synchronize".to_owned()
                }
                roll if roll % 2 == 0 && pair.alive.len() < MOST_ALIVE => {
                    let bytes = size(&mut dice);
                    pair.allocate(bytes);
                    format!("allocate {bytes}")
                }
                _ => {
                    pair.free(dice.next_u64() as usize);
                    "free".to_owned()
                }
            };
            let (mlx, simulated) = pair.readings();
            assert_eq!(simulated, mlx, "seed {seed}, step {step}: {what}");
        }
        hits += pair.hits;
    }
    // The pool was in use all along.
    assert!(hits > 10_000, "{hits}");
}

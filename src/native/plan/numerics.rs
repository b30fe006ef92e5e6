//! Adds up the arrays that operations make, as the backends of MLX make them.

/// Widths of a head for which MLX's GPU kernels never write the scores of attention to memory
/// (`scaled_dot_product_attention.cpp` of MLX 0.32).
const FUSED_HEADS: [usize; 4] = [64, 72, 80, 128];
/// Bytes of a number in float32.
const FLOAT32: u64 = 4;
/// On the GPU at most ten command buffers of 50 MB of inputs are in flight.
const GPU_BYTES_IN_FLIGHT: u64 = 10 * 50_000_000;

/// How numbers are stored and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numerics {
    /// Bytes of a number between two layers.
    pub number_bytes: u64,
    /// Whether the matrices are quantised.
    pub packed: bool,
    /// Whether MLX computes on the CPU: products then take place in float32.
    pub on_cpu: bool,
}

impl Numerics {
    fn widens(self) -> bool {
        self.on_cpu && self.number_bytes < FLOAT32
    }

    /// Whether attention over heads of this width writes no scores to memory.
    pub fn fuses(self, head_width: usize) -> bool {
        !self.on_cpu && FUSED_HEADS.contains(&head_width)
    }
}

/// A sum of arrays, and the largest of them.
#[derive(Debug, Clone, Copy)]
pub struct Ledger {
    numerics: Numerics,
    /// Bytes of all arrays.
    pub bytes: u64,
    /// Bytes of the largest.
    pub largest: u64,
}

impl Ledger {
    /// Nothing yet.
    pub fn new(numerics: Numerics) -> Self {
        Self { numerics, bytes: 0, largest: 0 }
    }

    /// An array of `numbers`.
    pub fn array(&mut self, numbers: usize, number_bytes: u64) {
        let bytes = (numbers as u64).saturating_mul(number_bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.largest = self.largest.max(bytes);
    }

    /// So many arrays of `numbers` in the precision of the network.
    pub fn arrays(&mut self, count: usize, numbers: usize) {
        (0..count).for_each(|_| self.array(numbers, self.numerics.number_bytes));
    }

    /// So many `numbers` of pixels, which come in float32, converted and cut into patches.
    pub fn pixels(&mut self, numbers: usize) {
        self.array(numbers, FLOAT32);
        if self.numerics.number_bytes < FLOAT32 {
            self.arrays(1, numbers);
        }
        if self.numerics.widens() {
            self.array(numbers, FLOAT32);
        }
        if self.numerics.on_cpu {
            self.array(numbers, FLOAT32);
        }
    }

    /// A product of `rows` with a matrix, in float32 where the backend has no other: the CPU's
    /// takes copies, and unpacks what is packed.
    pub fn linear(&mut self, rows: usize, inputs: usize, outputs: usize) {
        self.arrays(1, rows.saturating_mul(outputs));
        if self.numerics.widens() {
            self.array(rows.saturating_mul(inputs), FLOAT32);
            self.array(rows.saturating_mul(outputs), FLOAT32);
        }
        if self.numerics.widens() || (self.numerics.on_cpu && self.numerics.packed) {
            self.array(inputs.saturating_mul(outputs), FLOAT32);
        }
    }

    /// Attention over `heads` (count, width) in `batch` sequences: queries and outputs in another
    /// order, and scores before and after the softmax unless the kernel is a fused one.
    pub fn attention(&mut self, batch: usize, heads: (usize, usize), queries: usize, keys: usize) {
        let sequences = batch.saturating_mul(heads.0);
        let flat = sequences.saturating_mul(queries).saturating_mul(heads.1);
        self.arrays(2, flat);
        if !self.numerics.fuses(heads.1) {
            let scores = sequences.saturating_mul(queries).saturating_mul(keys);
            let bytes = if self.numerics.widens() { FLOAT32 } else { self.numerics.number_bytes };
            self.array(flat, bytes);
            self.array(scores, bytes);
            self.array(scores, bytes);
        }
    }

    /// A network of `width` around `inner`, into which so many matrices lead, with the
    /// activation's own intermediate results.
    pub fn gated(&mut self, rows: usize, width: usize, inner: usize, into: usize) {
        self.linear(rows, width, inner.saturating_mul(into));
        self.arrays(2, rows.saturating_mul(inner));
        self.linear(rows, inner, width);
    }

    /// A stack of equal blocks of attention and MLP. MLX submits work ahead, and what is submitted
    /// keeps its inputs: on the CPU about half of the smaller part exists beside the larger one
    /// (measured, `docs/plan.md`), on the GPU as much as its command buffers may hold.
    pub fn blocks(&mut self, attention: Self, mlp: Self, layers: usize) {
        let block = attention.and(mlp);
        let larger = attention.or(mlp).bytes;
        let beside =
            if self.numerics.on_cpu { (block.bytes - larger) / 2 } else { GPU_BYTES_IN_FLIGHT };
        let all = block.bytes.saturating_mul(layers as u64);
        self.bytes = self.bytes.saturating_add(all.min(larger.saturating_add(beside)));
        self.largest = self.largest.max(block.largest);
    }

    /// Both at once.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (bytes, largest) =
            (self.bytes.saturating_add(other.bytes), self.largest.max(other.largest));
        Self { bytes, largest, ..self }
    }

    /// One after the other: the larger of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (bytes, largest) = (self.bytes.max(other.bytes), self.largest.max(other.largest));
        Self { bytes, largest, ..self }
    }
}

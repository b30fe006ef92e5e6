//! The pool of freed buffers, as all of MLX's allocators have it (`BufferCache`).

use std::{collections::BTreeMap, mem};

use super::Block;

/// Freed buffers that wait to be used again.
#[derive(Debug)]
pub(super) struct Pool {
    page_bytes: u64,
    /// By size, then by age.
    by_size: BTreeMap<(u64, u64), Block>,
    /// Turn to size: the oldest buffer first.
    by_age: BTreeMap<u64, u64>,
    bytes: u64,
    turn: u64,
}

impl Pool {
    /// An empty pool of an allocator whose pages have `page_bytes`.
    pub(super) fn new(page_bytes: u64) -> Self {
        Self { page_bytes, by_size: BTreeMap::new(), by_age: BTreeMap::new(), bytes: 0, turn: 0 }
    }

    /// What it holds.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The smallest buffer of at least `bytes`, if it is smaller than both twice that and two
    /// pages more. Buffers are neither split nor joined.
    pub(super) fn take(&mut self, bytes: u64) -> Option<Block> {
        let (&(found, turn), _) = self.by_size.range((bytes, 0)..).next()?;
        if found >= bytes.saturating_mul(2).min(bytes.saturating_add(2 * self.page_bytes)) {
            return None;
        }
        self.remove(found, turn)
    }

    /// Keeps a freed buffer.
    pub(super) fn put(&mut self, block: Block) {
        self.bytes += block.bytes;
        self.by_age.insert(self.turn, block.bytes);
        self.by_size.insert((block.bytes, self.turn), block);
        self.turn += 1;
    }

    /// Takes out at least `bytes`, the oldest buffers first; everything if that is nine tenths.
    pub(super) fn release(&mut self, bytes: u64) -> Vec<Block> {
        if bytes as f64 >= 0.9 * self.bytes as f64 {
            return self.clear();
        }
        let mut released = Vec::new();
        let mut freed = 0;
        while freed < bytes
            && let Some((&turn, &size)) = self.by_age.first_key_value()
        {
            freed += size;
            released.extend(self.remove(size, turn));
        }
        released
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) -> Vec<Block> {
        self.bytes = 0;
        self.by_age.clear();
        mem::take(&mut self.by_size).into_values().collect()
    }

    fn remove(&mut self, bytes: u64, turn: u64) -> Option<Block> {
        self.by_age.remove(&turn);
        let block = self.by_size.remove(&(bytes, turn))?;
        self.bytes -= bytes;
        Some(block)
    }
}

//! Keys and values of the tokens a decoder layer has seen.

use mlx_rs::{
    Array, Dtype,
    error::Exception,
    ops,
    ops::indexing::{TryIndexMutOp, TryIndexOp},
};

/// Positions are allocated in chunks of this many, the step of MLX's own caches.
const CHUNK: i32 = 256;

/// One layer's cache. It grows in place: a chunk is allocated ahead and written
/// by slice updates that MLX carries out in the same buffer, since nobody else
/// holds the array. The offset is a host integer, so no unevaluated scalar piles up.
#[derive(Debug, Default)]
pub struct KvCache {
    /// Keys and values, each `[1, kv_heads, capacity, head_dim]`.
    buffers: Option<(Array, Array)>,
    offset: i32,
    reserved: i32,
}

impl KvCache {
    /// An empty cache that allocates room for `positions` at once when first used.
    pub fn with_capacity(positions: usize) -> Self {
        Self { buffers: None, offset: 0, reserved: i32::try_from(positions).unwrap_or(i32::MAX) }
    }

    /// The number of positions held.
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// Forgets all but the first `positions`: what follows is written over before it is read.
    pub fn truncate(&mut self, positions: usize) {
        self.offset = self.offset.min(i32::try_from(positions).unwrap_or(i32::MAX));
    }

    /// Whether the buffers hold `positions` without growing.
    pub fn has_room_for(&self, positions: usize) -> bool {
        self.buffers.as_ref().is_some_and(|(keys, _)| keys.dim(2) as usize >= positions)
    }

    /// The same positions in a cache that was made with room for `positions`: buffers and
    /// growth are those that it would have. Shares the buffers where they are that large.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn with_room_for(&self, positions: usize) -> Result<Self, Exception> {
        let mut copy = Self::with_capacity(positions);
        copy.offset = self.offset;
        if let Some((keys, values)) = &self.buffers {
            let capacity = room_for(copy.reserved.max(self.offset));
            let fit = |held: &Array| {
                if held.dim(2) == capacity {
                    return Ok(held.clone());
                }
                grow(Some(held.clone()), held, self.offset, capacity)
            };
            copy.buffers = Some((fit(keys)?, fit(values)?));
        }
        Ok(copy)
    }

    /// The arrays behind the cache, for evaluation.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.buffers.iter().flat_map(|(keys, values)| [keys, values])
    }

    /// Appends `keys` and `values`, each `[1, kv_heads, n, head_dim]`, and returns
    /// all of them, `[1, kv_heads, offset + n, head_dim]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn update_and_fetch(
        &mut self,
        keys: &Array,
        values: &Array,
    ) -> Result<(Array, Array), Exception> {
        let end = self.offset + keys.dim(2);
        let (mut all_keys, mut all_values) = match self.buffers.take() {
            Some((k, v)) if k.dim(2) >= end => (k, v),
            held => {
                let capacity = room_for(end.max(self.reserved));
                let (k, v) = held.unzip();
                (grow(k, keys, self.offset, capacity)?, grow(v, values, self.offset, capacity)?)
            }
        };
        all_keys.try_index_mut((.., .., self.offset..end, ..), keys)?;
        all_values.try_index_mut((.., .., self.offset..end, ..), values)?;
        let seen =
            (all_keys.try_index((.., .., ..end, ..))?, all_values.try_index((.., .., ..end, ..))?);
        self.buffers = Some((all_keys, all_values));
        self.offset = end;
        Ok(seen)
    }
}

/// How many positions are allocated where so many are asked for.
pub fn capacity(positions: usize) -> usize {
    room_for(i32::try_from(positions).unwrap_or(i32::MAX)) as usize
}

fn room_for(positions: i32) -> i32 {
    positions.saturating_add(CHUNK - 1) / CHUNK * CHUNK
}

/// A larger buffer that starts with what the old one held.
fn grow(old: Option<Array>, like: &Array, offset: i32, capacity: i32) -> Result<Array, Exception> {
    let shape = [like.dim(0), like.dim(1), capacity, like.dim(3)];
    let mut grown = zeros(&shape, like.dtype())?;
    if let Some(old) = old.filter(|_| offset > 0) {
        grown.try_index_mut((.., .., ..offset, ..), &old.try_index((.., .., ..offset, ..))?)?;
    }
    Ok(grown)
}

fn zeros(shape: &[i32], dtype: Dtype) -> Result<Array, Exception> {
    ops::zeros_dtype(shape, dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(start: i32, n: i32) -> Array {
        let data: Vec<f32> = (0..2 * n * 3).map(|i| (start * 1000 + i) as f32).collect();
        Array::from_slice(&data, &[1, 2, n, 3])
    }

    #[test]
    fn a_cache_returns_everything_appended_across_chunk_borders() {
        let mut cache = KvCache::default();
        let mut parts = Vec::new();
        for (step, n) in [250, 5, 1, 1, 300, 7].into_iter().enumerate() {
            let part = ramp(step as i32, n);
            let (keys, values) = cache.update_and_fetch(&part, &part).unwrap();
            parts.push(part);
            let expected = ops::concatenate(&parts.iter().collect::<Vec<_>>(), 2).unwrap();
            assert_eq!(keys.shape(), expected.shape());
            assert!(keys.eq_values(&expected).unwrap());
            assert!(values.eq_values(&expected).unwrap());
        }
        assert_eq!(cache.offset(), 564);
        assert_eq!(cache.arrays().next().unwrap().dim(2), 768);
    }

    #[test]
    fn a_reserved_cache_never_grows_within_its_reservation() {
        let mut cache = KvCache::with_capacity(300);
        cache.update_and_fetch(&ramp(0, 10), &ramp(0, 10)).unwrap();
        assert_eq!(cache.arrays().next().unwrap().dim(2), 512);
    }

    #[test]
    fn a_cache_cut_back_and_given_other_room_is_one_that_was_made_so() {
        for (written, room) in [(300, 300), (300, 900), (700, 300)] {
            let mut used = KvCache::with_capacity(300);
            used.update_and_fetch(&ramp(0, 200), &ramp(1, 200)).unwrap();
            used.update_and_fetch(&ramp(2, written - 200), &ramp(3, written - 200)).unwrap();
            used.truncate(200);
            let mut used = used.with_room_for(room).unwrap();
            let mut new = KvCache::with_capacity(room);
            new.update_and_fetch(&ramp(0, 200), &ramp(1, 200)).unwrap();
            assert!(used.has_room_for(room) && new.has_room_for(room));
            for (keys, values) in [(ramp(4, 30), ramp(5, 30)), (ramp(6, 800), ramp(7, 800))] {
                let found = used.update_and_fetch(&keys, &values).unwrap();
                let expected = new.update_and_fetch(&keys, &values).unwrap();
                assert!(found.0.eq_values(&expected.0).unwrap());
                assert!(found.1.eq_values(&expected.1).unwrap());
                for (found, expected) in used.arrays().zip(new.arrays()) {
                    assert_eq!(found.shape(), expected.shape());
                    assert_eq!(found.strides(), expected.strides());
                }
            }
        }
    }
}

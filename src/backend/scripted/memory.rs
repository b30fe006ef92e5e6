//! The memory a scripted model computes in: figures as of a real one, in a simulated allocator.

use serde::Deserialize;

use std::sync::Arc;

use crate::{
    memory::{
        Allocator, MemoryError, NoAllocator,
        simulated::{Buffer, DeviceError, Profile, SimulatedAllocator, SimulatedDevice},
    },
    vlm::ModelError,
};

/// The table `[memory]` of a script.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MemoryScript {
    profile: Profile,
    device_bytes: u64,
    buffer_limit: Option<u64>,
    weights_bytes: u64,
    image_bytes: u64,
    kv_bytes: u64,
    question_bytes: u64,
    held_bytes: u64,
    leak_bytes: u64,
    leak_objects: usize,
    pub(super) remote: bool,
}

impl Default for MemoryScript {
    fn default() -> Self {
        Self {
            profile: Profile::Cpu,
            device_bytes: 16 << 30,
            buffer_limit: None,
            weights_bytes: 0,
            image_bytes: 0,
            kv_bytes: 0,
            question_bytes: 0,
            held_bytes: 0,
            leak_bytes: 0,
            leak_objects: 0,
            remote: false,
        }
    }
}

/// What a model has allocated. One that computes elsewhere has nothing here.
#[derive(Debug)]
pub(super) struct Memory {
    script: MemoryScript,
    allocator: Option<SimulatedAllocator>,
    /// Weights, and what leaks.
    for_good: Vec<Buffer>,
    held: Option<Buffer>,
}

impl Memory {
    /// Before anything is loaded.
    pub(super) fn new(script: MemoryScript) -> Self {
        let mut device = SimulatedDevice::new(script.profile, script.device_bytes);
        device.buffer_limit = script.buffer_limit.unwrap_or(device.buffer_limit);
        let allocator = (!script.remote).then(|| SimulatedAllocator::new(device));
        Self { script, allocator, for_good: Vec::new(), held: None }
    }

    /// Whoever owns it.
    pub(super) fn allocator(&self) -> Arc<dyn Allocator> {
        match &self.allocator {
            Some(allocator) => Arc::new(allocator.clone()),
            None => Arc::new(NoAllocator),
        }
    }

    pub(super) fn weights_bytes(&self) -> u64 {
        self.script.weights_bytes
    }

    /// Bytes of keys and values of a question.
    pub(super) fn kv_bytes(&self) -> u64 {
        self.script.kv_bytes
    }

    /// Bytes of the largest array of a question about `images` that takes `question_bytes`, or
    /// what the script says of all of them.
    pub(super) fn largest_bytes(&self, images: usize, question_bytes: Option<u64>) -> u64 {
        let question = question_bytes.unwrap_or(self.script.question_bytes);
        self.script.kv_bytes.max(question).max(self.images_bytes(images))
    }

    fn images_bytes(&self, images: usize) -> u64 {
        self.script.image_bytes.saturating_mul(images as u64)
    }

    pub(super) fn load(&mut self) -> Result<(), ModelError> {
        let weights = self.allocate(self.script.weights_bytes)?;
        self.for_good.extend(weights);
        Ok(())
    }

    /// What encoding `images` takes while it lasts.
    pub(super) fn see(&self, images: usize) -> Result<Option<Buffer>, ModelError> {
        self.allocate(self.images_bytes(images))
    }

    /// What a question takes from its prompt to its end.
    pub(super) fn answer(&self, question_bytes: Option<u64>) -> Result<Vec<Buffer>, ModelError> {
        let question_bytes = question_bytes.unwrap_or(self.script.question_bytes);
        let buffers = [self.allocate(self.script.kv_bytes)?, self.allocate(question_bytes)?];
        Ok(buffers.into_iter().flatten().collect())
    }

    /// A question has been answered: something is kept for the next, something leaks.
    pub(super) fn answered(&mut self) -> Result<(), ModelError> {
        if self.held.is_none() {
            self.held = self.allocate(self.script.held_bytes)?;
        }
        let leak = self.allocate(self.script.leak_bytes)?;
        self.for_good.extend(leak);
        for _ in 0..self.script.leak_objects {
            let object = self.allocate(size_of::<f32>() as u64)?;
            self.for_good.extend(object);
        }
        Ok(())
    }

    /// Bytes kept for later questions.
    pub(super) fn held_bytes(&self) -> u64 {
        self.held.as_ref().map_or(0, |_| self.script.held_bytes)
    }

    /// Gives them up unless they are at most `bytes`.
    pub(super) fn shrink(&mut self, bytes: u64) {
        if self.held_bytes() > bytes {
            self.held = None;
        }
    }

    /// What happens to a question that needs memory when none is left.
    pub(super) fn run_out(&self) -> Result<(), ModelError> {
        if let Some(allocator) = &self.allocator {
            allocator.refuse_next();
        }
        self.allocate(self.script.question_bytes.max(1)).map(drop)
    }

    /// Hands over work that fails later.
    pub(super) fn fail_late(&self, error: DeviceError) {
        if let Some(allocator) = &self.allocator {
            allocator.submit([], Err(error));
        }
    }

    /// Does `act` in the next clean-up.
    pub(super) fn at_next_clear(&self, act: impl FnOnce() + Send + 'static) {
        if let Some(allocator) = &self.allocator {
            allocator.at_next_clear(act);
        }
    }

    fn allocate(&self, bytes: u64) -> Result<Option<Buffer>, ModelError> {
        // As MLX tells it: a text, whose meaning is for the worker to find.
        let refused = |error: MemoryError| ModelError::Compute(error.to_string());
        let allocator = self.allocator.as_ref().filter(|_| bytes > 0);
        allocator.map(|it| it.allocate(bytes).map_err(refused)).transpose()
    }
}

//! The MLX allocator. mlx-rs 0.33 wraps all of it but the barrier, `mlx_synchronize`,
//! and the text of that barrier's error.

use std::{
    cell::RefCell,
    ffi::{CStr, c_char, c_void},
    ptr,
    sync::Once,
};

use mlx_rs::{Device, DeviceType, Stream, error::Exception, memory};

use super::{Allocator, DeviceMemory, MemoryError, MemoryReading, device::device_memory};

/// The allocator of this process's MLX. Its barrier waits for the calling thread's
/// default streams, so one thread does all the work of a model.
#[derive(Debug, Clone, Copy)]
pub struct MlxAllocator {
    // Only `new` makes one, so that the error handler is always in place.
    _ready: (),
}

impl MlxAllocator {
    /// Makes MLX's errors ordinary errors, and hands out its allocator.
    ///
    /// # Errors
    /// [`MemoryError::Mlx`] when MLX does not answer.
    pub fn new() -> Result<Self, MemoryError> {
        // The first call through mlx-rs installs its error handler; without it the C
        // library ends the process at the first error. Ours then goes in front.
        memory::active_memory().map_err(failed("reading the active memory"))?;
        install_error_handler();
        Ok(Self { _ready: () })
    }

    /// MLX's own version, e.g. `0.32.2`.
    pub fn version() -> Option<String> {
        // SAFETY: the string is made here, filled by MLX, copied while it lives and freed
        // once; on failure it is still the empty string that was made.
        unsafe {
            let mut text = mlx_sys::mlx_string_new();
            let status = mlx_sys::mlx_version(&raw mut text);
            let data = mlx_sys::mlx_string_data(text);
            let version = (status == 0 && !data.is_null())
                .then(|| CStr::from_ptr(data).to_string_lossy().into_owned());
            mlx_sys::mlx_string_free(text);
            version
        }
    }

    /// The device MLX computes on: `gpu` or `cpu`.
    pub fn device() -> Option<String> {
        let name = match Device::try_default().ok()?.get_type().ok()? {
            DeviceType::Gpu => "gpu",
            DeviceType::Cpu => "cpu",
        };
        Some(name.to_owned())
    }
}

impl Allocator for MlxAllocator {
    fn device(&self) -> DeviceMemory {
        device_memory()
    }

    fn reading(&self) -> Result<MemoryReading, MemoryError> {
        let active = memory::active_memory().map_err(failed("reading the active memory"))?;
        let cache = memory::cache_memory().map_err(failed("reading the cached memory"))?;
        let peak = memory::peak_memory().map_err(failed("reading the peak memory"))?;
        Ok(MemoryReading {
            active_bytes: active as u64,
            cache_bytes: cache as u64,
            peak_bytes: peak as u64,
        })
    }

    fn reset_peak(&self) -> Result<(), MemoryError> {
        memory::reset_peak_memory().map_err(failed("resetting the peak memory"))
    }

    fn synchronize(&self) -> Result<(), MemoryError> {
        // Both are waited for, whatever becomes of the first: some operations run on the
        // CPU even where the GPU is the default.
        let submitted = synchronize(&Stream::thread_local_or_default());
        submitted.and(synchronize(&Stream::cpu()))
    }

    fn clear_cache(&self) -> Result<(), MemoryError> {
        memory::clear_cache().map_err(failed("clearing the allocator's cache"))
    }

    fn set_cache_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        memory::set_cache_limit(bytes).map_err(failed("setting the cache limit"))?;
        Ok(())
    }

    fn set_memory_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        memory::set_memory_limit(bytes).map_err(failed("setting the memory limit"))?;
        Ok(())
    }

    fn set_wired_limit(&self, bytes: u64) -> Result<(), MemoryError> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        memory::set_wired_limit(bytes).map_err(failed("setting the wired limit"))?;
        Ok(())
    }

    fn clear_compiled(&self) -> Result<(), MemoryError> {
        mlx_rs::transforms::compile::clear_cache();
        Ok(())
    }
}

fn synchronize(stream: &Stream) -> Result<(), MemoryError> {
    LAST_ERROR.take();
    // SAFETY: `stream` owns a valid MLX stream that outlives the call, and an error handler
    // that returns is installed, so MLX reports failure by its status.
    let status = unsafe { mlx_sys::mlx_synchronize(stream.as_ptr()) };
    if status == 0 {
        return Ok(());
    }
    let message = LAST_ERROR.take().unwrap_or_else(|| format!("MLX returned status {status}"));
    Err(MemoryError::Mlx { operation: "waiting for MLX", message })
}

fn failed(operation: &'static str) -> impl Fn(Exception) -> MemoryError {
    move |error| MemoryError::Mlx { operation, message: error.what().to_owned() }
}

thread_local! {
    static LAST_ERROR: RefCell<Option<String>> = const { RefCell::new(None) };
}

unsafe extern "C" {
    /// The handler of mlx-rs, which keeps the text where only mlx-rs can read it.
    fn default_mlx_error_handler(message: *const c_char, data: *mut c_void);
}

fn install_error_handler() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the handler lives as long as the program and uses no data pointer.
        unsafe { mlx_sys::mlx_set_error_handler(Some(keep_error), ptr::null_mut(), None) };
    });
}

/// Keeps the text for [`synchronize`] and passes it on to mlx-rs.
unsafe extern "C" fn keep_error(message: *const c_char, data: *mut c_void) {
    if !message.is_null() {
        // SAFETY: MLX hands over a string that ends in NUL and lives until we return.
        let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        // A thread that is being torn down has nobody left to read the text.
        let _ = LAST_ERROR.try_with(|last| last.replace(Some(text)));
    }
    // SAFETY: exactly what MLX would have called had we not been put in front.
    unsafe { default_mlx_error_handler(message, data) };
}

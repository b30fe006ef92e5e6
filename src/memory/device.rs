//! What MLX says of the device it computes on.

use std::ffi::CStr;

use super::DeviceMemory;

/// The limits of MLX's default device. The CPU has no such keys, so both are `None` there. MLX's
/// error handler has to be in place.
pub(super) fn device_memory() -> DeviceMemory {
    let mut memory = DeviceMemory::default();
    // SAFETY: device and table are made here, filled by MLX, read while they live and freed once;
    // on failure they are still the empty ones that were made.
    unsafe {
        let mut device = mlx_sys::mlx_device_new();
        let mut info = mlx_sys::mlx_device_info_new();
        if mlx_sys::mlx_get_default_device(&raw mut device) == 0
            && mlx_sys::mlx_device_info_get(&raw mut info, device) == 0
        {
            memory.working_set_bytes = size(info, c"max_recommended_working_set_size");
            memory.largest_buffer_bytes = size(info, c"max_buffer_length");
        }
        mlx_sys::mlx_device_info_free(info);
        mlx_sys::mlx_device_free(device);
    }
    memory
}

/// The number under `key`, if there is one; zero is taken for not known.
///
/// # Safety
/// `info` must have been filled by MLX and not freed.
unsafe fn size(info: mlx_sys::mlx_device_info, key: &CStr) -> Option<u64> {
    let mut size = 0;
    // SAFETY: `info` is live as the caller promises, `key` ends in NUL and `size` outlives the call.
    let status = unsafe { mlx_sys::mlx_device_info_get_size(&raw mut size, info, key.as_ptr()) };
    (status == 0 && size > 0).then_some(size as u64)
}

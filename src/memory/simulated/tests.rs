//! Metal and CUDA as their source has them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const PAGE: u64 = 16 << 10;
const GIB: u64 = 1 << 30;

fn metal() -> SimulatedAllocator {
    SimulatedAllocator::new(SimulatedDevice::new(Profile::Metal, 16 * GIB))
}

fn active(allocator: &SimulatedAllocator) -> u64 {
    allocator.reading().unwrap().active_bytes
}

fn cached(allocator: &SimulatedAllocator) -> u64 {
    allocator.reading().unwrap().cache_bytes
}

fn message(error: MemoryError) -> String {
    match error {
        MemoryError::Mlx { message, .. } => message,
        other @ MemoryError::CacheRemained { .. } => panic!("{other}"),
    }
}

#[test]
fn metal_counts_whole_pages_above_one_and_exact_bytes_below() {
    let allocator = metal();
    for (asked, counted) in [(0, 0), (1, 1), (PAGE, PAGE), (PAGE + 1, 2 * PAGE)] {
        let _buffer = allocator.allocate(asked).unwrap();
        assert_eq!(active(&allocator), counted, "{asked}");
    }
}

#[test]
fn cuda_counts_powers_of_two_below_a_page_and_whole_pages_above() {
    let allocator = SimulatedAllocator::new(SimulatedDevice::new(Profile::Cuda, 16 * GIB));
    let sizes = [(0, 0), (1, 8), (9, 16), (8193, PAGE), (PAGE, PAGE), (PAGE + 1, 2 * PAGE)];
    for (asked, counted) in sizes {
        let _buffer = allocator.allocate(asked).unwrap();
        assert_eq!(active(&allocator), counted, "{asked}");
    }
}

#[test]
fn a_buffer_is_used_again_up_to_but_not_at_two_pages_more() {
    let allocator = metal();
    drop(allocator.allocate(100 * PAGE).unwrap());
    drop(allocator.allocate(98 * PAGE).unwrap());
    assert_eq!(cached(&allocator), 198 * PAGE, "two pages more are too many");
    let reused = allocator.allocate(99 * PAGE).unwrap();
    assert_eq!((active(&allocator), cached(&allocator)), (100 * PAGE, 98 * PAGE));
    drop(reused);
    // Small requests never get one of twice their size.
    drop(allocator.allocate(1000).unwrap());
    let _small = allocator.allocate(500).unwrap();
    assert_eq!(active(&allocator), 500);
}

#[test]
fn images_of_growing_size_fill_all_memory_until_ninety_five_percent_of_the_working_set() {
    let allocator = metal();
    let working_set = allocator.device().working_set_bytes.unwrap();
    assert_eq!(working_set, 12 * GIB);
    let limit = working_set as f64 * 0.95;
    let mut most = 0;
    for image in 0..200 {
        drop(allocator.allocate((100 + 2 * image) << 20).unwrap());
        most = most.max(cached(&allocator));
    }
    assert!(most as f64 > 0.9 * limit && most as f64 <= limit, "{most} of {limit}");
    // The same with a cache limit: one buffer past it at most.
    allocator.set_cache_limit(GIB).unwrap();
    assert!(cached(&allocator) > GIB, "nothing happens at once");
    for image in 0..50 {
        drop(allocator.allocate((100 + 2 * image) << 20).unwrap());
        assert!(cached(&allocator) < GIB + (300 << 20));
    }
}

#[test]
fn the_oldest_buffers_go_first_and_all_go_if_nine_tenths_must() {
    let device = SimulatedDevice::new(Profile::Cpu, GIB);
    let allocator = SimulatedAllocator::new(device);
    let buffers: Vec<Buffer> =
        [50, 20, 30].map(|kib| allocator.allocate(kib << 10).unwrap()).into();
    drop(buffers);
    allocator.set_cache_limit(99 << 10).unwrap();
    assert_eq!(cached(&allocator), 50 << 10, "the first was the oldest and large enough");
    allocator.set_cache_limit(4 << 10).unwrap();
    assert_eq!(cached(&allocator), 0);
}

#[test]
fn a_cache_limit_holds_at_once_on_the_cpu_and_with_the_next_allocation_on_metal() {
    for (profile, left) in [(Profile::Cpu, 0), (Profile::Metal, 1 << 20)] {
        let allocator = SimulatedAllocator::new(SimulatedDevice::new(profile, 16 * GIB));
        drop(allocator.allocate(1 << 20).unwrap());
        allocator.set_cache_limit(0).unwrap();
        assert_eq!(cached(&allocator), left, "{profile:?}");
        drop(allocator.allocate(1).unwrap());
        assert_eq!(cached(&allocator), 0, "{profile:?}");
    }
}

#[test]
fn what_metal_refuses_is_refused_in_its_words() {
    let largest = 9 * GIB;
    let allocator = metal();
    let error = message(allocator.allocate(largest + 1).unwrap_err());
    assert!(error.contains(&format!("maximum allowed buffer size of {largest} bytes")), "{error}");
    let _half = allocator.allocate(largest).unwrap();
    let error = message(allocator.allocate(largest).unwrap_err());
    assert_eq!(error, format!("[malloc] Unable to allocate {largest} bytes."));
    let error = message(allocator.set_wired_limit(12 * GIB + 1).unwrap_err());
    assert!(error.starts_with("[metal::set_wired_limit]"), "{error}");
    assert_eq!(allocator.wired_limit(), 0);
}

#[test]
fn too_many_buffers_clear_the_whole_pool_and_then_fail_with_all_byte_counters_low() {
    let device =
        SimulatedDevice { buffer_limit: 1000, ..SimulatedDevice::new(Profile::Metal, GIB) };
    let allocator = SimulatedAllocator::new(device);
    let mut alive: Vec<Buffer> = (0..900).map(|_| allocator.allocate(4).unwrap()).collect();
    drop((0..100).map(|_| allocator.allocate(PAGE).unwrap()).collect::<Vec<_>>());
    assert_eq!((allocator.buffers(), cached(&allocator)), (1000, 100 * PAGE));
    alive.push(allocator.allocate(4).unwrap());
    assert_eq!((allocator.buffers(), cached(&allocator)), (901, 0));
    alive.extend((0..99).map(|_| allocator.allocate(4).unwrap()));
    let error = message(allocator.allocate(4).unwrap_err());
    assert_eq!(error, "[metal::malloc] Resource limit (1000) exceeded.");
    assert_eq!(active(&allocator), 4000);
}

#[test]
fn past_the_heap_every_scalar_takes_a_page_of_the_system() {
    let allocator = metal();
    let heap: Vec<Buffer> = (0..4096).map(|_| allocator.allocate(4).unwrap()).collect();
    assert_eq!(allocator.footprint_bytes(), 1 << 20);
    let _more: Vec<Buffer> = (0..100).map(|_| allocator.allocate(4).unwrap()).collect();
    assert_eq!(allocator.footprint_bytes(), (1 << 20) + 100 * PAGE);
    assert_eq!(active(&allocator), 4196 * 4);
    // Room on the heap is used again only once the pool has let it go.
    drop(heap);
    allocator.clear_cache().unwrap();
    let _again = allocator.allocate(4).unwrap();
    assert_eq!(allocator.footprint_bytes(), (1 << 20) + 100 * PAGE);
}

#[test]
fn the_footprint_trails_a_clear_by_four_seconds() {
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let device = SimulatedDevice::new(Profile::Metal, 16 * GIB);
    let allocator = SimulatedAllocator::with_clock(device, move || {
        Duration::from_millis(clock.load(Ordering::Relaxed))
    });
    let heap = allocator.footprint_bytes();
    drop(allocator.allocate(GIB).unwrap());
    let seen = |ms| {
        now.store(ms, Ordering::Relaxed);
        allocator.footprint_bytes() - heap
    };
    assert_eq!(seen(1000), GIB, "the pool counts");
    allocator.clear_cache().unwrap();
    assert_eq!(cached(&allocator), 0);
    assert_eq!([seen(1000), seen(4999), seen(5000)], [GIB, GIB, 0]);
}

#[test]
fn a_failure_of_submitted_work_is_told_once_and_only_when_it_is_waited_for() {
    let allocator = metal();
    let read = allocator.allocate(PAGE).unwrap();
    allocator.submit([read], Err(DeviceError::OutOfMemory));
    assert_eq!(active(&allocator), PAGE, "it is still read");
    let _other = allocator.allocate(PAGE).unwrap();
    let error = message(allocator.synchronize().unwrap_err());
    assert!(error.contains("kIOGPUCommandBufferCallbackErrorOutOfMemory"), "{error}");
    assert_eq!((active(&allocator), cached(&allocator)), (PAGE, PAGE));
    allocator.synchronize().unwrap();
    allocator.submit([], Err(DeviceError::SubmissionsIgnored));
    for _ in 0..3 {
        assert!(message(allocator.synchronize().unwrap_err()).contains("SubmissionsIgnored"));
    }
}

//! Image processing on one thread: every step at the settings of SmolVLM2-500M (longest edge 2048, tiles of 512,
//! Lanczos), and the processors of SmolVLM2-2.2B (1536, 384), LLaVA-1.5, LLaVA-NeXT and Phi-3.5-vision (4 and 16 tiles)
//! at theirs.
//!
//! `tests/reference/time_pillow.py` times the same work on the same images in Pillow; docs/benchmarks.md holds what was
//! measured.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::{f64::consts::TAU, fs, path::PathBuf};

use divan::Bencher;
use serde_json::json;
use vlm_test::native::image_processor::{
    ClipImageConfig, Idefics3ImageConfig, LlavaNextImageConfig, Phi3vImageConfig, Rgb8Image,
    load_rgb,
};

fn main() {
    divan::main();
}

fn config(edge: usize, tile: usize) -> Idefics3ImageConfig {
    let json = json!({"size": {"longest_edge": edge}, "max_image_size": {"longest_edge": tile}, "resample": 1});
    Idefics3ImageConfig::from_json(&json).expect("the configuration is valid")
}

/// A file of the scene: the one that `time_pillow.py --write` made, else one made here.
fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("IMAGE_BENCH_DIR")
        .map_or_else(|| "target/image-bench".into(), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        let side = |text: &str| text.parse().expect("names are made of the sides");
        let (width, height) = name[..name.len() - 4].split_once('x').expect("WIDTHxHEIGHT.png");
        let (width, height) = (side(width), side(height));
        let pixels = scene(width, height).into_pixels();
        fs::create_dir_all(&folder).expect("the folder can be made");
        image::RgbImage::from_raw(width as u32, height as u32, pixels)
            .and_then(|image| image.save(&path).ok())
            .expect("the file can be written");
    }
    path
}

/// The same smooth waves with a little noise as in `time_pillow.py`.
fn scene(width: usize, height: usize) -> Rgb8Image {
    let mut noise = 1_u32;
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let wave =
                    (TAU * (x as f64 / 97.0 + y as f64 / 61.0 + f64::from(channel) / 3.0)).sin();
                pixels.push((128.0 + 100.0 * wave + f64::from(noise >> 28)) as u8);
            }
        }
    }
    Rgb8Image::new(width, height, pixels).expect("the buffer has the right length")
}

#[divan::bench(args = [(640, 480), (1024, 1024)], sample_count = 20)]
fn resize_and_tile(bencher: Bencher, (width, height): (usize, usize)) {
    let (image, config) = (scene(width, height), config(2048, 512));
    bencher.bench_local(|| config.process(image.view()));
}

#[divan::bench(args = [(640, 480), (1024, 1024)], sample_count = 20)]
fn resize_and_tile_384(bencher: Bencher, (width, height): (usize, usize)) {
    let (image, config) = (scene(width, height), config(1536, 384));
    bencher.bench_local(|| config.process(image.view()));
}

#[divan::bench(args = ["640x480.png", "640x480.jpg", "1024x1024.png", "1024x1024.jpg"], sample_count = 20)]
fn decode(bencher: Bencher, name: &str) {
    let path = file(name);
    bencher.bench_local(|| load_rgb(&path).map(|image| image.width()));
}

#[divan::bench(args = ["640x480.png", "640x480.jpg", "1024x1024.png", "1024x1024.jpg"], sample_count = 20)]
fn decode_resize_and_tile(bencher: Bencher, name: &str) {
    let (path, config) = (file(name), config(2048, 512));
    bencher.bench_local(|| load_rgb(&path).and_then(|image| config.process(image.view())));
}

#[divan::bench(args = [(640, 480), (1024, 1024)], sample_count = 20)]
fn clip(bencher: Bencher, (width, height): (usize, usize)) {
    let (image, config) = (scene(width, height), ClipImageConfig::for_side(336));
    bencher.bench_local(|| config.process(image.view()));
}

#[divan::bench(args = [(640, 480), (1024, 1024)], sample_count = 20)]
fn llava_next(bencher: Bencher, (width, height): (usize, usize)) {
    let pinpoints = vec![(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)];
    let (image, config) = (scene(width, height), LlavaNextImageConfig::for_side(336, pinpoints));
    bencher.bench_local(|| config.process(image.view()));
}

#[divan::bench(args = [(640, 480, 4), (1024, 1024, 4), (640, 480, 16), (1024, 1024, 16)], sample_count = 20)]
fn phi3v(bencher: Bencher, (width, height, num_crops): (usize, usize, usize)) {
    let image = scene(width, height);
    let config = Phi3vImageConfig::for_side(336).with_num_crops(num_crops);
    bencher.bench_local(|| config.process(image.view()));
}

//! Decoding, resampling and the processors against digests from Pillow and transformers, and bad files.
//!
//! The fixtures are made by `tests/reference/make_image_goldens.py`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest, Sha256};
use vlm_test::native::image_processor::{
    ClipImageConfig, Filter, Idefics3ImageConfig, ImageError, ImageLayout, LlavaNextImageConfig,
    Phi3vImageConfig, ProcessedImage, Rgb8Image, load_rgb, resize,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
}

/// The cases of one section of goldens.json; never empty.
fn goldens(section: &str) -> Vec<Value> {
    let text = fs::read_to_string(fixture("goldens.json")).unwrap();
    let mut goldens: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(cases) = goldens[section].take() else { panic!("no section {section}") };
    assert!(!cases.is_empty());
    cases
}

fn load(case: &Value) -> Rgb8Image {
    load_rgb(&fixture(case["file"].as_str().unwrap())).unwrap()
}

fn number(case: &Value, field: &str) -> usize {
    usize::try_from(case[field].as_u64().unwrap()).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn check(case: &Value, bytes: &[u8]) {
    assert_eq!(digest(bytes), case["sha256"].as_str().unwrap(), "{case}");
}

#[test]
fn every_kind_of_file_decodes_to_the_bytes_pillow_gives() {
    for case in goldens("decode") {
        let image = load(&case);
        assert_eq!(
            (image.width(), image.height()),
            (number(&case, "width"), number(&case, "height")),
            "{case}"
        );
        check(&case, image.pixels());
    }
}

#[test]
fn resizing_gives_the_bytes_pillow_gives() {
    for case in goldens("resize") {
        let filter = Filter::from_pillow(case["filter"].as_u64().unwrap()).unwrap();
        let resized =
            resize(load(&case).view(), number(&case, "width"), number(&case, "height"), filter)
                .unwrap();
        check(&case, resized.pixels());
    }
}

/// The image that `make_image_goldens.py` calls by the same name.
fn pattern(case: &Value) -> Rgb8Image {
    let (width, height) = (number(case, "width"), number(case, "height"));
    let mut pixels = Vec::with_capacity(3 * width * height);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        pixels.extend(
            [(7, 13), (11, 10), (15, 7)].map(|(a, b)| ((x * a + y * b) ^ ((x * y) >> 3)) as u8),
        );
    }
    Rgb8Image::new(width, height, pixels).unwrap()
}

/// The floats, the shape of the frames and the sizes are those of `case`.
fn check_frames(case: &Value, out: &ProcessedImage) {
    let ImageLayout { frames, height, width, .. } = out.layout;
    assert_eq!(serde_json::json!([frames, height, width, 3]), case["shape"], "{case}");
    let bytes: Vec<u8> = out.pixels.iter().flat_map(|value| value.to_le_bytes()).collect();
    check(case, &bytes);
}

#[test]
fn the_idefics3_processor_gives_the_floats_transformers_gives() {
    for case in goldens("idefics3") {
        let config = Idefics3ImageConfig::from_json(&case["config"]).unwrap();
        let out = config.process(load(&case).view()).unwrap();
        assert_eq!(
            (out.layout.rows, out.layout.cols),
            (number(&case, "rows"), number(&case, "cols")),
            "{case}"
        );
        check_frames(&case, &out);
    }
}

#[test]
fn the_clip_processor_gives_the_floats_transformers_gives() {
    for case in goldens("clip") {
        let config = ClipImageConfig::from_json(&case["config"]).unwrap();
        let out = config.process(pattern(&case).view()).unwrap();
        assert_eq!((out.layout.width, out.layout.height), config.frame(), "{case}");
        check_frames(&case, &out);
    }
}

#[test]
fn the_llava_next_processor_gives_the_floats_transformers_gives() {
    for case in goldens("llava_next") {
        let config = LlavaNextImageConfig::from_json(&case["config"]).unwrap();
        let out = config.process(pattern(&case).view()).unwrap();
        assert_eq!(
            (out.layout.rows, out.layout.cols),
            (number(&case, "rows"), number(&case, "cols")),
            "{case}"
        );
        check_frames(&case, &out);
    }
}

#[test]
fn the_phi3v_processor_gives_the_floats_microsofts_gives() {
    for case in goldens("phi3v") {
        let side = number(&case, "side");
        let config = Phi3vImageConfig::from_json(&case["config"], side).unwrap();
        let out = config.process(pattern(&case).view());
        let Some(expected) = case["global"].as_array() else {
            assert!(matches!(out, Err(ImageError::TooNarrow { .. })), "{case}");
            continue;
        };
        let mut out = out.unwrap();
        assert_eq!(
            (out.layout.rows, out.layout.cols),
            (number(&case, "rows"), number(&case, "cols")),
            "{case}"
        );
        let tiles = out.pixels.split_off(3 * side * side);
        for (value, expected) in out.pixels.iter().step_by(side * side / 30 * 3 + 1).zip(expected) {
            let error = (f64::from(*value) - expected.as_f64().unwrap()).abs();
            assert!(error <= 1e-6, "{error} {case}");
        }
        let layout = ImageLayout { frames: out.layout.frames - 1, ..out.layout };
        check_frames(&case, &ProcessedImage { layout, pixels: tiles });
    }
}

/// Writes `bytes` to a file called `name` and returns what loading it says, and the message.
fn failure(name: &str, bytes: &[u8]) -> (ImageError, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let Err(error) = load_rgb(&path) else { panic!("{name} was decoded") };
    let message = error.to_string();
    assert!(message.contains(name), "{message}");
    (error, message)
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let error = load_rgb(Path::new("no/such.png")).unwrap_err();
    assert!(
        matches!(&error, ImageError::Read { .. }) && error.to_string().contains("no/such.png"),
        "{error}"
    );
    assert!(matches!(load_rgb(Path::new("/")), Err(ImageError::Read { .. })));
}

#[test]
fn an_empty_file_and_a_text_file_are_told_apart_from_damaged_images() {
    assert!(matches!(failure("zero.png", b"").0, ImageError::Empty { .. }));
    let (error, message) = failure("text.png", b"this is not an image at all, only text");
    assert!(matches!(error, ImageError::NotAnImage { .. }) && message.contains("PNG"), "{message}");
}

#[test]
fn truncated_files_of_every_format_are_damaged() {
    for name in [
        "rgb.png",
        "chroma_420.jpg",
        "progressive.jpg",
        "lossy.webp",
        "transparent.gif",
        "rgb.bmp",
        "lzw.tif",
        "long.png",
    ] {
        let bytes = fs::read(fixture(name)).unwrap();
        for percent in [20, 60] {
            let (error, message) = failure(name, &bytes[..bytes.len() * percent / 100]);
            assert!(matches!(error, ImageError::Damaged { .. }), "{name} {percent}: {message}");
        }
    }
}

#[test]
fn a_flipped_byte_in_a_png_is_damage() {
    let mut bytes = fs::read(fixture("rgb.png")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    assert!(matches!(failure("flipped.png", &bytes).0, ImageError::Damaged { .. }));
}

#[test]
fn the_content_decides_the_format_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.gif");
    fs::copy(fixture("chroma_444.jpg"), &path).unwrap();
    assert_eq!(load_rgb(&path).unwrap(), load_rgb(&fixture("chroma_444.jpg")).unwrap());
}

#[test]
fn a_header_that_announces_too_many_pixels_is_refused_before_memory_is_taken() {
    let mut bmp = fs::read(fixture("rgb.bmp")).unwrap();
    bmp[18..22].copy_from_slice(&20_000_u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&20_000_u32.to_le_bytes());
    let (error, message) = failure("huge.bmp", &bmp);
    assert!(
        matches!(error, ImageError::TooLarge { width: 20_000, height: 20_000, .. }),
        "{message}"
    );

    let mut jpeg = fs::read(fixture("chroma_444.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0x00, 0xff, 0x00]);
    assert!(matches!(failure("huge.jpg", &jpeg).0, ImageError::TooLarge { .. }));
}

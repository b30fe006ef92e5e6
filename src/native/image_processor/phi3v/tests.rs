//! Sizes and grids against the reference's table, configuration from JSON, and extreme images.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::native::image_processor::rgb::Rgb8Image;

fn plain(width: usize, height: usize, value: u8) -> Rgb8Image {
    Rgb8Image::new(width, height, vec![value; 3 * width * height]).unwrap()
}

/// The padded size (width, height), the grid (rows, columns) and the number of image tokens.
fn summary(num_crops: usize, size: (usize, usize)) -> ((usize, usize), (usize, usize), usize) {
    let plan =
        Phi3vImageConfig::for_side(336).with_num_crops(num_crops).plan(size.0, size.1).unwrap();
    let (rows, cols) = (plan.rows, plan.cols);
    ((336 * cols, 336 * rows), (rows, cols), (rows * cols + 1) * 144 + 1 + (rows + 1) * 12)
}

#[test]
fn sizes_and_grids_are_those_of_the_reference() {
    for (size, four, sixteen) in [
        ((640, 480), ((672, 672), (2, 2), 757), ((1344, 1008), (3, 4), 1921)),
        ((1024, 1024), ((672, 672), (2, 2), 757), ((1344, 1344), (4, 4), 2509)),
        ((300, 900), ((336, 1008), (3, 1), 625), ((672, 2016), (6, 2), 1957)),
        ((1280, 640), ((672, 336), (1, 2), 457), ((1680, 1008), (3, 5), 2353)),
        ((336, 336), ((672, 672), (2, 2), 757), ((1344, 1344), (4, 4), 2509)),
    ] {
        assert_eq!(summary(4, size), four, "{size:?}");
        assert_eq!(summary(16, size), sixteen, "{size:?}");
    }
}

#[test]
fn the_odd_row_of_padding_is_below_and_of_a_tall_image_on_the_right() {
    let config = Phi3vImageConfig::for_side(336);
    let wide = HdPlan { resized: (672, 503), left: 0, top: 84, rows: 2, cols: 2 };
    assert_eq!(config.plan(640, 480).unwrap(), HdPlan { resized: (672, 504), ..wide });
    assert_eq!(config.plan(641, 480).unwrap(), wide);
    let tall = HdPlan { resized: (503, 672), left: 84, top: 0, rows: 2, cols: 2 };
    assert_eq!(config.plan(480, 641).unwrap(), tall);
}

#[test]
fn the_global_view_comes_first_and_padding_is_white() {
    let config = Phi3vImageConfig {
        image_mean: [0.0; 3],
        image_std: [1.0; 3],
        ..Phi3vImageConfig::for_side(4).with_num_crops(3)
    };
    // 12×3 pixels, padded to 12×4: three tiles, one row of white below.
    let out = config.process(plain(8, 2, 0).view()).unwrap();
    assert_eq!(
        (out.layout.rows, out.layout.cols, out.layout.frames, out.layout.source),
        (1, 3, 4, (8, 2))
    );
    let rows: Vec<f32> = out.pixels.chunks(3 * 4).map(|row| row[0]).collect();
    assert_eq!(rows, [0.0, 0.0, 0.0, 1.0].repeat(4));
    let tall = config.process(plain(2, 8, 0).view()).unwrap();
    assert_eq!((tall.layout.rows, tall.layout.cols), (3, 1));
    let columns: Vec<f32> = tall.pixels.chunks(3).map(|pixel| pixel[0]).collect();
    assert_eq!(columns, [0.0, 0.0, 0.0, 1.0].repeat(16));
}

#[test]
fn a_published_configuration_is_read_and_absent_fields_are_the_published_ones() {
    let json = json!({
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "Phi3VImageProcessor", "num_crops": 16, "num_img_tokens": 144,
    });
    let published = Phi3vImageConfig::for_side(336);
    let config = Phi3vImageConfig::from_json(&json, 336).unwrap();
    assert_eq!(config, published.clone().with_num_crops(16));
    assert_eq!(Phi3vImageConfig::from_json(&json!({}), 336).unwrap(), published);
}

#[test]
fn impossible_configurations_name_the_field() {
    for (json, field) in [
        (json!({"num_crops": 0}), "`num_crops`"),
        (json!({"num_crops": 1025}), "`num_crops`"),
        (json!({"num_crops": 2.5}), "`num_crops`"),
        (json!({"image_std": [1, 0, 1]}), "`image_std`"),
    ] {
        let error = Phi3vImageConfig::from_json(&json, 336).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
    let error = Phi3vImageConfig::for_side(336).with_num_crops(0).plan(1, 1).unwrap_err();
    assert!(error.to_string().contains("`num_crops`"), "{error}");
    for side in [0, 16_384, usize::MAX] {
        let error = Phi3vImageConfig::for_side(side).plan(1, 1).unwrap_err();
        assert!(matches!(error, ImageError::FrameSize { .. }), "{error}");
    }
    let error = Phi3vImageConfig::for_side(8192).process(plain(1, 1, 0).view()).unwrap_err();
    assert!(matches!(error, ImageError::FrameSize { .. }), "{error}");
}

#[test]
fn an_image_whose_shorter_side_vanishes_is_too_narrow() {
    let config = Phi3vImageConfig::for_side(336);
    for (width, height) in [(5000, 3), (3, 5000), (10_000, 1), (1, 10_000)] {
        let error = config.process(plain(width, height, 0).view()).unwrap_err();
        assert!(matches!(error, ImageError::TooNarrow { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{width}×{height}")), "{error}");
    }
    // 1344 · 3 / 4032 is exactly one pixel.
    assert_eq!(config.plan(4032, 3).unwrap().resized, (1344, 1));
    assert_eq!(config.process(plain(1, 1, 9).view()).unwrap().layout.frames, 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_image_becomes_whole_frames_or_is_too_narrow(
        (width, height) in (1_usize..=3000, 1_usize..=3000),
        (side, num_crops) in (1_usize..40, 1_usize..20),
    ) {
        let config = Phi3vImageConfig::for_side(side).with_num_crops(num_crops);
        match config.process(plain(width, height, 200).view()) {
            Ok(out) => {
                prop_assert!(out.layout.rows * out.layout.cols <= num_crops);
                prop_assert_eq!(out.layout.frames, 1 + out.layout.rows * out.layout.cols);
                prop_assert_eq!(out.pixels.len(), out.layout.frames * side * side * 3);
            }
            Err(error) => prop_assert!(matches!(error, ImageError::TooNarrow { .. }), "{}", error),
        }
    }
}

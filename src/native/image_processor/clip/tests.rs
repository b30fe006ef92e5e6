//! Sizes and windows, configuration from JSON, and extreme images.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::native::image_processor::rgb::Rgb8Image;

/// The red bytes, as floats, of what `config` makes of a `width` × `height` image whose pixels are 1, 2, 3, …
fn reds(config: &ClipImageConfig, width: usize, height: usize) -> Vec<f32> {
    let pixels = (1..=width * height).flat_map(|value| [value as u8; 3]).collect();
    let image = Rgb8Image::new(width, height, pixels).unwrap();
    let processed = config.process(image.view()).unwrap();
    processed.pixels.chunks(3).map(|pixel| pixel[0]).collect()
}

/// Crops to `crop` (height, width) and does nothing else.
fn only_crop(crop: (usize, usize)) -> ClipImageConfig {
    let mut config = ClipImageConfig { do_resize: false, crop, ..ClipImageConfig::for_side(1) };
    (config.normalization.do_rescale, config.normalization.do_normalize) = (false, false);
    config
}

#[test]
fn the_shorter_side_is_resized_and_the_centre_cut_out() {
    let config = ClipImageConfig::for_side(336);
    // (width, height), resized, columns, rows.
    for (size, resized, columns, rows) in [
        ((640, 480), (448, 336), 56..392, 0..336),
        ((1024, 1024), (336, 336), 0..336, 0..336),
        ((300, 900), (336, 1008), 0..336, 336..672),
        ((333, 257), (435, 336), 49..385, 0..336),
        ((1, 10_000), (336, 3_360_000), 0..336, 1_679_832..1_680_168),
    ] {
        let plan = config.plan(size.0, size.1);
        let expected = CropPlan { resized, frame: (336, 336), columns, rows, left: 0, top: 0 };
        assert_eq!(plan, expected, "{size:?}");
    }
}

#[test]
fn a_crop_larger_than_the_image_is_black_around_it() {
    assert_eq!(reds(&only_crop((2, 3)), 1, 1), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    // Two of three columns are seen, and a row of background comes first.
    assert_eq!(reds(&only_crop((2, 2)), 3, 1), [0.0, 0.0, 1.0, 2.0]);
}

#[test]
fn the_background_is_normalised_like_the_image() {
    let config = ClipImageConfig {
        do_resize: false,
        crop: (1, 3),
        normalization: Normalization::new([0.5; 3], [0.5; 3]),
        ..ClipImageConfig::for_side(1)
    };
    let image = Rgb8Image::new(1, 1, vec![255; 3]).unwrap();
    let processed = config.process(image.view()).unwrap();
    assert_eq!(processed.pixels, [[-1.0; 3], [1.0; 3], [-1.0; 3]].concat());
    assert_eq!(config.frame(), (3, 1));
}

#[test]
fn an_empty_configuration_is_the_class_default() {
    let config = ClipImageConfig::from_json(&json!({})).unwrap();
    assert_eq!(config, ClipImageConfig::for_side(224));
    assert_eq!(config.frame(), (224, 224));
}

#[test]
fn a_published_configuration_is_read_in_both_spellings() {
    let new = json!({
        "crop_size": {"height": 336, "width": 336}, "do_center_crop": true, "do_convert_rgb": true,
        "do_normalize": true, "do_rescale": true, "do_resize": true, "image_processor_type": "CLIPImageProcessor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3, "rescale_factor": 0.003_921_568_627_450_98, "size": {"shortest_edge": 336},
    });
    let old =
        json!({"crop_size": 336, "size": 336, "feature_extractor_type": "CLIPFeatureExtractor"});
    for json in [new, old] {
        assert_eq!(ClipImageConfig::from_json(&json).unwrap(), ClipImageConfig::for_side(336));
    }
}

#[test]
fn without_a_crop_both_sides_must_be_fixed() {
    let json = json!({"do_center_crop": false, "size": {"height": 30, "width": 20}});
    let config = ClipImageConfig::from_json(&json).unwrap();
    assert_eq!(config.frame(), (20, 30));
    assert_eq!(config.plan(7, 7).frame, (20, 30));
}

#[test]
fn impossible_configurations_name_the_field() {
    for (json, field) in [
        (json!({"do_center_crop": false}), "`do_center_crop`"),
        (json!({"do_center_crop": false, "do_resize": false, "size": [9, 9]}), "`do_center_crop`"),
        (json!({"do_pad": true}), "`do_pad`"),
        (json!({"image_std": 0}), "`image_std`"),
        (json!({"crop_size": {"shortest_edge": 224}}), "`crop_size`"),
    ] {
        let error = ClipImageConfig::from_json(&json).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn extreme_images_become_one_frame_without_their_resized_whole() {
    // Resized to a shorter side of 336 these would be of 3.4 million columns or rows.
    for (width, height) in [(10_000, 1), (1, 10_000), (1, 1), (5000, 3)] {
        let image = Rgb8Image::new(width, height, vec![7; 3 * width * height]).unwrap();
        let processed = ClipImageConfig::for_side(336).process(image.view()).unwrap();
        assert_eq!(processed.layout.source, (width, height));
        assert_eq!(processed.pixels.len(), 336 * 336 * 3);
        assert!(processed.pixels.chunks(3).all(|pixel| pixel == &processed.pixels[..3]));
    }
}

#[test]
fn frames_of_no_pixels_or_absurdly_many_are_refused() {
    let image = Rgb8Image::new(1, 1, vec![7; 3]).unwrap();
    for side in [0, 16_384] {
        let error = ClipImageConfig::for_side(side).process(image.view()).unwrap_err();
        assert!(matches!(error, ImageError::FrameSize { .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_image_becomes_one_frame_of_the_promised_size(
        (width, height) in (1_usize..=3000, 1_usize..=3000),
        (edge, crop) in (1_usize..60, (1_usize..60, 1_usize..60)),
        do_resize: bool,
    ) {
        let config = ClipImageConfig {
            do_resize,
            size: ResizeTarget::ShortestEdge(edge),
            crop,
            ..ClipImageConfig::for_side(1)
        };
        let image = Rgb8Image::new(width, height, vec![200; 3 * width * height]).unwrap();
        let processed = config.process(image.view()).unwrap();
        prop_assert_eq!((processed.layout.width, processed.layout.height), config.frame());
        prop_assert_eq!(processed.pixels.len(), 3 * crop.0 * crop.1);
        prop_assert_eq!((processed.layout.frames, processed.layout.rows, processed.layout.cols), (1, 0, 0));
    }
}

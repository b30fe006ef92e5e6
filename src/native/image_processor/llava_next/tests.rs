//! Choice of the size and grids against the reference's table, configuration from JSON, and extreme images.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::native::image_processor::rgb::Rgb8Image;

fn published() -> LlavaNextImageConfig {
    LlavaNextImageConfig::for_side(336, PINPOINTS.to_vec())
}

fn plain(width: usize, height: usize) -> Rgb8Image {
    Rgb8Image::new(width, height, vec![200; 3 * width * height]).unwrap()
}

#[test]
fn sizes_and_grids_are_those_of_the_reference() {
    // (width, height), pinpoint (height, width), resized (width, height), grid (rows, columns).
    for (size, best, resized, grid) in [
        ((640, 480), (672, 672), (672, 504), (2, 2)),
        ((1024, 1024), (672, 672), (672, 672), (2, 2)),
        ((300, 900), (1008, 336), (336, 1008), (3, 1)),
        ((336, 336), (336, 672), (336, 336), (1, 2)),
        ((96, 96), (336, 672), (336, 336), (1, 2)),
        ((1920, 1080), (672, 672), (672, 378), (2, 2)),
        ((2000, 500), (336, 1008), (1008, 252), (1, 3)),
    ] {
        assert_eq!(published().best_resolution(size.0, size.1), best, "{size:?}");
        let plan = published().plan(size.0, size.1).unwrap();
        assert_eq!((plan.resized, (plan.rows, plan.cols)), (resized, grid), "{size:?}");
        let free = (best.1 - resized.0, best.0 - resized.1);
        assert_eq!((plan.left, plan.top), (free.0 / 2, free.1 / 2), "{size:?}");
    }
}

#[test]
fn of_equally_good_pinpoints_the_one_with_least_empty_area_and_then_the_first_wins() {
    let best = |pinpoints: &[(usize, usize)]| {
        LlavaNextImageConfig::for_side(4, pinpoints.to_vec()).best_resolution(4, 4)
    };
    assert_eq!(best(&[(8, 8), (4, 8), (8, 4)]), (4, 8));
    assert_eq!(best(&[(8, 4), (4, 8), (8, 8)]), (8, 4));
    assert_eq!(best(&[]), (4, 4));
}

#[test]
fn where_nothing_survives_the_smallest_pinpoint_wins() {
    assert_eq!(published().best_resolution(10_000, 1), (336, 672));
    assert_eq!(published().plan(10_000, 1).unwrap().resized, (672, 1));
    assert_eq!(published().plan(1, 10_000).unwrap().resized, (1, 336));
}

#[test]
fn the_base_comes_first_and_padding_is_black_with_the_odd_row_below() {
    let mut config = LlavaNextImageConfig::for_side(4, vec![(4, 8)]);
    (config.normalization.do_rescale, config.normalization.do_normalize) = (false, false);
    let out = config.process(plain(8, 1).view()).unwrap();
    assert_eq!(
        (out.layout.rows, out.layout.cols, out.layout.frames, out.layout.source),
        (1, 2, 3, (8, 1))
    );
    let rows: Vec<f32> = out.pixels.chunks(3 * 4).map(|row| row[0]).collect();
    let tile = [0.0, 200.0, 0.0, 0.0];
    assert_eq!(rows, [[200.0; 4], tile, tile].concat());
}

#[test]
fn a_published_configuration_is_read() {
    let json = json!({
        "aspect_ratio_setting": "anyres", "crop_size": {"height": 336, "width": 336}, "do_center_crop": true,
        "do_convert_rgb": true, "do_normalize": true, "do_pad": true, "do_rescale": true, "do_resize": true,
        "image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]],
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "LlavaNextImageProcessor", "resample": 3,
        "rescale_factor": 0.003_921_568_627_450_98, "size": {"shortest_edge": 336},
    });
    let config = LlavaNextImageConfig::from_json(&json).unwrap();
    assert_eq!(config, published());
    assert_eq!((config.pinpoints(), config.frame()), (&PINPOINTS[..], (336, 336)));
    let short = json!({"crop_size": 336, "size": 336});
    assert_eq!(LlavaNextImageConfig::from_json(&short).unwrap(), published());
}

#[test]
fn impossible_configurations_name_the_field() {
    let with =
        |pinpoints| json!({"size": 336, "crop_size": 336, "image_grid_pinpoints": pinpoints});
    for (json, field) in [
        // The class defaults do not fit each other: tiles of 224, pinpoints of 336.
        (json!({}), "`image_grid_pinpoints`"),
        (json!({"size": 336}), "`crop_size`"),
        (json!({"size": 336, "crop_size": [336, 300]}), "`crop_size`"),
        (json!({"size": [336, 300], "crop_size": 336}), "`crop_size`"),
        (with(json!([])), "`image_grid_pinpoints`"),
        (with(json!([[336, 500]])), "`image_grid_pinpoints`"),
        (with(json!([[336, 0]])), "`image_grid_pinpoints`"),
        (with(json!([336])), "`image_grid_pinpoints`"),
    ] {
        let error = LlavaNextImageConfig::from_json(&json).unwrap_err().to_string();
        assert!(error.contains(field), "{json}: {error}");
    }
}

#[test]
fn pinpoints_and_sides_that_cannot_work_are_refused_without_a_configuration_file() {
    for (side, pinpoints) in [(4, vec![]), (4, vec![(4, 6)]), (0, vec![(4, 4)]), (4, vec![(0, 4)])]
    {
        let config = LlavaNextImageConfig::for_side(side, pinpoints);
        let error = config.process(plain(3, 3).view()).unwrap_err();
        assert!(matches!(error, ImageError::Config { .. }), "{error}");
    }
    let huge = usize::MAX - 3;
    let config = LlavaNextImageConfig::for_side(4, vec![(huge, huge)]);
    let error = config.process(plain(3, 3).view()).unwrap_err();
    assert!(matches!(error, ImageError::FrameSize { .. }), "{error}");
}

#[test]
fn extreme_images_become_frames() {
    for (width, height) in [(10_000, 1), (1, 10_000), (1, 1), (5000, 3)] {
        let out = published().process(plain(width, height).view()).unwrap();
        assert_eq!(out.pixels.len(), out.layout.frames * 336 * 336 * 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_image_becomes_whole_frames(
        (width, height) in (1_usize..=3000, 1_usize..=3000),
        side in 1_usize..40,
        grids in prop::collection::vec((1_usize..5, 1_usize..5), 1..5),
    ) {
        let pinpoints = grids.iter().map(|(rows, cols)| (rows * side, cols * side)).collect();
        let out = LlavaNextImageConfig::for_side(side, pinpoints).process(plain(width, height).view()).unwrap();
        prop_assert!(grids.contains(&(out.layout.rows, out.layout.cols)));
        prop_assert_eq!(out.layout.frames, 1 + out.layout.rows * out.layout.cols);
        prop_assert_eq!(out.pixels.len(), out.layout.frames * side * side * 3);
    }
}

//! Sizes against the reference's table, configuration from JSON, and the layout of frames.

use serde_json::json;

use super::*;
use crate::native::image_processor::rgb::Rgb8Image;

fn config(longest_edge: usize, tile: usize) -> Idefics3ImageConfig {
    Idefics3ImageConfig { size: TargetSize::LongestEdge(longest_edge), tile, ..Default::default() }
}

#[test]
fn sizes_and_grids_are_those_of_the_reference() {
    // (width, height), resized by the 2048/512 settings, grid there, grid with 1536/384.
    let table = [
        ((640, 480), (2048, 1536), (3, 4), (3, 4)),
        ((1024, 1024), (2048, 2048), (4, 4), (4, 4)),
        ((300, 900), (682, 2048), (4, 2), (4, 2)),
        ((2000, 500), (2048, 512), (1, 4), (1, 4)),
        ((96, 96), (2048, 2048), (4, 4), (4, 4)),
    ];
    for ((width, height), resized, large, small) in table {
        let plan = config(2048, 512).plan(width, height);
        assert_eq!((plan.resized, (plan.rows, plan.cols)), (resized, large), "{width}x{height}");
        let plan = config(1536, 384).plan(width, height);
        assert_eq!((plan.rows, plan.cols), small, "{width}x{height}");
    }
}

#[test]
fn odd_sides_become_even_and_vanishing_sides_become_one() {
    assert_eq!(config(2048, 512).plan(333, 257).resized, (2048, 1580));
    assert_eq!(config(101, 512).plan(10, 10).resized, (101, 102));
    assert_eq!(config(2048, 512).plan(20_000, 10).resized, (2048, 2));
    assert_eq!(config(2048, 512).plan(1, 5000).resized, (1, 2048));
}

#[test]
fn nothing_is_resized_beyond_4096() {
    let plan = config(8192, 512).plan(300, 200);
    assert_eq!((plan.resized, plan.rows, plan.cols), ((4096, 2731), 6, 8));
}

#[test]
fn an_image_within_one_tile_is_not_split() {
    let plan = config(512, 512).plan(640, 480);
    assert_eq!((plan.canvas, plan.rows, plan.cols, plan.frames()), ((512, 512), 0, 0, 1));
}

#[test]
fn without_splitting_the_image_is_squashed_into_one_tile() {
    let config = Idefics3ImageConfig { do_image_splitting: false, ..config(2048, 512) };
    let plan = config.plan(640, 480);
    assert_eq!((plan.resized, plan.canvas, plan.frames()), ((2048, 1536), (512, 512), 1));
}

#[test]
fn without_resizing_the_image_is_still_rounded_up_to_tiles() {
    let config = Idefics3ImageConfig { do_resize: false, ..config(2048, 512) };
    let plan = config.plan(20_000, 10);
    assert_eq!((plan.canvas, plan.rows, plan.cols), ((20_480, 512), 1, 40));
}

#[test]
fn tiles_come_row_by_row_and_the_global_view_last() {
    let mut pixels = Vec::new();
    for value in [10, 20, 30, 40] {
        pixels.extend([value; 3]);
    }
    let image = Rgb8Image::new(2, 2, pixels).unwrap();
    let config = Idefics3ImageConfig {
        resample: Filter::Nearest,
        normalization: Normalization {
            do_rescale: false,
            do_normalize: false,
            ..Normalization::new([0.0; 3], [1.0; 3])
        },
        ..config(2, 1)
    };
    let processed = config.process(image.view()).unwrap();
    assert_eq!((processed.layout.rows, processed.layout.cols, processed.layout.frames), (2, 2, 5));
    let frames: Vec<f32> = processed.pixels.chunks(3).map(|frame| frame[0]).collect();
    assert_eq!(frames, [10.0, 20.0, 30.0, 40.0, 40.0]);
}

#[test]
fn a_single_pixel_fills_every_frame() {
    let image = Rgb8Image::new(1, 1, vec![0, 255, 51]).unwrap();
    let processed = config(64, 32).process(image.view()).unwrap();
    assert_eq!(processed.pixels.len(), 5 * 32 * 32 * 3);
    for pixel in processed.pixels.chunks(3) {
        assert_eq!(pixel[..2], [-1.0, 1.0]);
    }
}

#[test]
fn an_empty_configuration_is_the_class_default() {
    assert_eq!(Idefics3ImageConfig::from_json(&json!({})).unwrap(), Idefics3ImageConfig::default());
}

#[test]
fn a_published_configuration_is_read_and_unknown_fields_are_ignored() {
    let json = json!({
        "do_convert_rgb": true, "do_image_splitting": false, "do_normalize": true, "do_pad": true,
        "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 0.5],
        "image_processor_type": "SmolVLMImageProcessor", "max_image_size": {"longest_edge": 512},
        "processor_class": "SmolVLMProcessor", "resample": 3, "rescale_factor": 0.003_921_568_627_450_98,
        "size": {"longest_edge": 2048}, "video_sampling": {"fps": 1, "video_size": {"longest_edge": 512}},
    });
    let expected = Idefics3ImageConfig {
        do_image_splitting: false,
        normalization: Normalization::new([0.5; 3], [0.25, 0.5, 0.5]),
        resample: Filter::Bicubic,
        ..config(2048, 512)
    };
    assert_eq!(Idefics3ImageConfig::from_json(&json).unwrap(), expected);
}

#[test]
fn exact_sizes_are_taken_from_height_and_width() {
    let config =
        Idefics3ImageConfig::from_json(&json!({"size": {"height": 300, "width": 200}})).unwrap();
    assert_eq!(config.plan(10, 10).resized, (200, 300));
}

#[test]
fn impossible_configurations_name_the_field() {
    for (json, field) in [
        (json!({"max_image_size": {"longest_edge": 0}}), "`max_image_size.longest_edge`"),
        (json!({"max_image_size": {}}), "`max_image_size.longest_edge`"),
        (json!({"max_image_size": 512}), "`max_image_size`"),
        (json!({"size": {"shortest_edge": 336}}), "`size`"),
        (json!({"size": {"height": 336}}), "`size`"),
        (json!({"image_std": [1, 0, 1]}), "`image_std`"),
        (json!({"rescale_factor": "1/255"}), "`rescale_factor`"),
    ] {
        let error = Idefics3ImageConfig::from_json(&json).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

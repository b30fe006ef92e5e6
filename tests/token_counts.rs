//! How many positions an image fills in the published models, worked out from their own
//! configuration files, against the counts of the reference implementations.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/random_checkpoint/checkpoint/mod.rs"]
#[expect(dead_code, reason = "the example also writes them")]
mod checkpoint;

use serde_json::Value;
use vlm_test::native::{
    image_processor::{
        ClipImageConfig, Idefics3ImageConfig, LlavaNextImageConfig, Phi3vImageConfig,
    },
    models::{
        llava::{config::LlavaConfig, unpad::TiledFeatures},
        phi3v::{config::Phi3vConfig, layout::ViewLayout},
        smolvlm::config::SmolVlmConfig,
    },
};

use crate::checkpoint::{Form, Model, Request};

/// Width and height of an image and the positions that it fills.
type Case = ((usize, usize), usize);

/// `config.json` and `preprocessor_config.json` of a published model.
fn published(model: Model) -> (Value, Value) {
    let request = Request { model, form: Form::Original, dtype: None, seed: 1, shrink: false };
    let files = request.content().unwrap().files;
    let file = |name| files.iter().find(|file| file.0 == name).unwrap().1.clone();
    (file("config.json"), file("preprocessor_config.json"))
}

#[track_caller]
fn assert_counts(cases: &[Case], positions: impl Fn(usize, usize) -> usize) {
    for &((width, height), expected) in cases {
        assert_eq!(positions(width, height), expected, "{width} × {height}");
    }
}

#[test]
fn phi35_vision_gives_an_image_these_positions() {
    let (config, settings) = published(Model::Phi35Vision);
    let config = Phi3vConfig::from_json(&config).unwrap();
    let settings = Phi3vImageConfig::from_json(&settings, config.vision.image_size).unwrap();
    let counted = |settings: Phi3vImageConfig, cases: &[Case]| {
        assert_counts(cases, |width, height| {
            let plan = settings.plan(width, height).unwrap();
            let (side, order) = (config.side(), config.order);
            ViewLayout { rows: plan.rows, cols: plan.cols, side, order }.positions()
        });
    };
    counted(
        settings.clone(),
        &[
            ((640, 480), 757),
            ((1024, 1024), 757),
            ((300, 900), 625),
            ((1280, 640), 457),
            ((336, 336), 757),
        ],
    );
    counted(
        settings.with_num_crops(16),
        &[
            ((640, 480), 1921),
            ((1024, 1024), 2509),
            ((300, 900), 1957),
            ((1280, 640), 2353),
            ((336, 336), 2509),
        ],
    );
}

#[test]
fn llava_15_gives_every_image_the_same_positions() {
    let (config, settings) = published(Model::Llava15);
    let config = LlavaConfig::from_json(&config).unwrap();
    let settings = ClipImageConfig::from_json(&settings).unwrap();
    let cases = [((640, 480), 576), ((1024, 1024), 576), ((300, 900), 576)];
    assert_counts(&cases, |width, height| {
        let side = config.vision.image_size;
        assert_eq!(settings.plan(width, height).frame, (side, side));
        config.features_per_frame()
    });
}

#[test]
fn llava_next_gives_an_image_these_positions_on_mistral_and_on_vicuna() {
    for model in [Model::LlavaMistral, Model::LlavaVicuna] {
        let (config, settings) = published(model);
        let config = LlavaConfig::from_json(&config).unwrap();
        let settings = LlavaNextImageConfig::from_json(&settings).unwrap();
        assert_eq!(settings.pinpoints(), config.image_grid_pinpoints);
        let cases = [
            ((640, 480), 2340),
            ((1024, 1024), 2928),
            ((300, 900), 2376),
            ((336, 336), 1176),
            ((96, 96), 1176),
            ((1920, 1080), 1948),
            ((2000, 500), 1890),
        ];
        assert_counts(&cases, |width, height| {
            let plan = settings.plan(width, height).unwrap();
            let (side, source) = (config.vision.grid(), (width, height));
            TiledFeatures { rows: plan.rows, cols: plan.cols, side, source }.positions()
        });
    }
}

#[test]
fn smolvlm_gives_an_image_these_positions_by_its_scale() {
    let in_64 = [
        ((640, 480), 832),
        ((1024, 1024), 1088),
        ((300, 900), 576),
        ((2000, 500), 320),
        ((96, 96), 1088),
    ];
    let in_81 = [
        ((640, 480), 1053),
        ((1024, 1024), 1377),
        ((300, 900), 729),
        ((2000, 500), 405),
        ((96, 96), 1377),
    ];
    let models = [
        (Model::Smolvlm500m, in_64),
        (Model::Smolvlm256m, in_64),
        (Model::Smolvlm2b, in_81),
        (Model::SmolvlmV1, in_81),
    ];
    for (model, cases) in models {
        let (config, settings) = published(model);
        let config = SmolVlmConfig::from_json(&config).unwrap();
        let settings = Idefics3ImageConfig::from_json(&settings).unwrap();
        assert_eq!(settings.tile, config.vision.image_size);
        assert_counts(&cases, |width, height| {
            settings.plan(width, height).frames() * config.image_seq_len()
        });
    }
}

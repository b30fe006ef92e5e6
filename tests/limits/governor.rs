//! A long run in a control group of 1 GiB: with the governor on nothing is killed, with it off the
//! worker is.

use std::{fs, path::Path};

use serde_json::Value;
use vlm_test::vlm::Precision;

use crate::{
    checkpoint::{Form, Model, Request},
    control_group::Group,
    support::{Place, Run, Small},
};

const GIB: u64 = 1 << 30;
/// Different images.
const IMAGES: u64 = 10;
/// Questions about each.
const EACH: u64 = 20;

/// A model whose vision tower needs 537 MB for one array when it takes four frames, 403 or 134 when
/// it takes three or one: 32 heads × 1024² positions × 4 bytes a frame. All three together, which
/// MLX would keep for the next images, are more than there is.
fn write_checkpoint(folder: &Path) {
    let request = Request {
        model: Model::Smolvlm256m,
        form: Form::Original,
        dtype: Some(Precision::Float32),
        seed: 1,
        shrink: true,
    };
    request.write(folder).unwrap();
    edit(&folder.join("config.json"), |config| {
        config["vision_config"]["num_attention_heads"] = 32.into();
    });
    // Five frames (four and one) or three, by the shape of the image.
    edit(&folder.join("preprocessor_config.json"), |config| {
        config["size"]["longest_edge"] = 1024.into();
    });
}

fn edit(file: &Path, edit: impl FnOnce(&mut Value)) {
    let mut json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    edit(&mut json);
    fs::write(file, json.to_string()).unwrap();
}

/// Images of two shapes in many sizes, no two alike.
fn image(number: u64) -> Vec<u8> {
    let (width, height) = [(2, 2), (2, 1)][(number % 2) as usize];
    let side = 20 + number as u32;
    let pixels = image::RgbImage::from_fn(width * side, height * side, |x, y| {
        image::Rgb([(x * 7) as u8, (y * 5) as u8, number as u8])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

fn place() -> Place {
    let place = Place::new();
    write_checkpoint(&place.path("model"));
    let mut small = Small::of(EACH * IMAGES);
    for (index, question) in small.questions.iter_mut().enumerate() {
        question["image_id"] = (index as u64 / EACH + 1).into();
    }
    for (index, annotation) in small.annotations.iter_mut().enumerate() {
        annotation["image_id"] = (index as u64 / EACH + 1).into();
    }
    small.images = (1..=IMAGES).map(|number| (number, image(number))).collect();
    small.write(&place.path("small"));
    place
}

fn run_in(group: &Group, place: &Place, more: &[&str]) -> Run {
    let mut arguments =
        vec!["vqa", "--dataset", "small", "-n", "200", "--output", "out", "--max-tokens", "2"];
    arguments.extend(["--models", "model"]);
    arguments.extend(more);
    let mut command = place.command(&arguments);
    group.hold(&mut command);
    Run::of(&mut command)
}

#[test]
fn in_one_gibibyte_two_hundred_questions_of_mixed_sizes_are_answered_and_nothing_is_killed() {
    let Some(group) = Group::new("governed", GIB) else { return };
    let place = place();
    run_in(&group, &place, &[]).assert_no_panic();
    let model = &place.results()["models"][0];
    let questions = model["questions"].as_array().unwrap();
    let missing: Vec<_> = questions.iter().filter(|it| it["outcome"] != "answered").collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(model["summary"]["restarts"], 0);
    let used = |sample: &Value| sample["process"]["footprint_bytes"].as_u64().unwrap();
    let samples = model["samples"].as_array().unwrap();
    let most = samples.iter().map(used).max().unwrap();
    assert!(most < GIB, "{most}");
}

#[test]
fn without_the_governor_the_same_run_is_killed() {
    let Some(group) = Group::new("left-alone", GIB) else { return };
    let place = place();
    let run = run_in(&group, &place, &["--cleanup", "off"]);
    assert_ne!(run.status, Some(0));
    let restarts = place.events_named("worker_restarted");
    assert!(restarts.iter().any(|event| event["cause"] == "out_of_memory"), "{run:#?}");
}

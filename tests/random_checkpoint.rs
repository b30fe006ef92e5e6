//! Every published model, narrowed but with its own files, names and image settings, asked about
//! an image through the real binary: it loads strictly, and the prompt is as long as published.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/random_checkpoint/checkpoint/mod.rs"]
mod checkpoint;
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::{
    checkpoint::{Form, Model, Request},
    support::Place,
};

const FORMS: [Form; 3] = [Form::Original, Form::FourBit, Form::EightBit];

/// A place with a narrow `model`, and an image of this size.
fn place(model: Model, form: Form, (width, height): (u32, u32)) -> Place {
    let place = Place::new();
    let request = Request { model, form, dtype: None, seed: 1, shrink: true };
    request.write(&place.path("model")).unwrap();
    RgbImage::from_pixel(width, height, Rgb([255; 3])).save(place.path("image.png")).unwrap();
    place
}

fn ask(place: &Place, arguments: &[&str]) -> Value {
    let fixed = ["ask", "--model", "model", "--json", "--max-tokens", "2", "--logprobs", "1"];
    place.run(&[&fixed[..], arguments].concat()).ended(0).json()
}

/// Asks each form of `model`, which shows an image of `size` as `positions` times `image_id`;
/// gives the ids of each prompt.
fn prompts(model: Model, size: (u32, u32), image_id: i64, positions: usize) -> Vec<Vec<i64>> {
    let prompt = |form| {
        let place = place(model, form, size);
        let answer = ask(&place, &["--image", "image.png", "Describe this image."]);
        let ids: Vec<i64> = serde_json::from_value(answer["prompt_token_ids"].clone()).unwrap();
        assert_eq!(ids.iter().filter(|&&id| id == image_id).count(), positions, "{form:?}");
        assert_eq!(answer["usage"]["image_tokens"], positions, "{form:?}");
        assert_eq!(answer["usage"]["prompt_tokens"], ids.len(), "{form:?}");
        let steps = answer["logprobs"].as_array().unwrap();
        // What is not finite has no place in JSON.
        assert!(!steps.is_empty() && steps.iter().all(|step| step["logprob"].is_f64()), "{form:?}");
        ids
    };
    FORMS.map(prompt).to_vec()
}

/// From the first to the last `<fake_token_around_image>`: an image with its markers.
fn with_markers(ids: &[i64], fake: i64) -> usize {
    let first = ids.iter().position(|&id| id == fake).unwrap();
    let last = ids.iter().rposition(|&id| id == fake).unwrap();
    last - first + 1
}

#[test]
fn phi35_vision_answers_in_every_form() {
    for ids in prompts(Model::Phi35Vision, (1280, 640), -1, 457) {
        assert_eq!(ids.len(), 457 + 16);
        // BOS before the text in front of the image, and before the text behind it.
        assert_eq!((&ids[..2], ids[2 + 457]), (&[1, 32010][..], 1));
    }
}

/// Lengths published for the reference, by the port of its processor to JavaScript.
#[test]
fn phi35_vision_has_prompts_of_the_published_lengths() {
    let place = place(Model::Phi35Vision, Form::FourBit, (336, 336));
    let image = ["--image", "image.png"];
    let describe = ["Describe this image."];
    let cases: [(&[&str], usize); 4] = [
        (&["Hi there."], 11),
        (&[&image[..], &describe].concat(), 773),
        (&[&image[..], &image, &describe].concat(), 1533),
        (&[&image[..], &["--num-crops", "16"], &describe].concat(), 2525),
    ];
    for (arguments, length) in cases {
        assert_eq!(ask(&place, arguments)["usage"]["prompt_tokens"], length, "{arguments:?}");
    }
}

#[test]
fn llava_15_answers_in_every_form() {
    for ids in prompts(Model::Llava15, (300, 900), 32000, 576) {
        assert_eq!(ids[0], 1);
    }
}

#[test]
fn llava_next_on_mistral_answers_in_every_form() {
    for ids in prompts(Model::LlavaMistral, (96, 96), 32000, 1176) {
        assert_eq!(ids[0], 1);
    }
}

#[test]
fn llava_next_on_vicuna_answers_in_every_form() {
    for ids in prompts(Model::LlavaVicuna, (96, 96), 32000, 1176) {
        assert_eq!(ids[0], 1);
    }
}

#[test]
fn smolvlm2_500m_answers_in_every_form() {
    for ids in prompts(Model::Smolvlm500m, (2000, 500), 49190, 320) {
        assert_eq!((ids[0], with_markers(&ids, 49189)), (1, 332));
    }
}

#[test]
fn smolvlm2_256m_answers_in_every_form() {
    for ids in prompts(Model::Smolvlm256m, (2000, 500), 49190, 320) {
        assert_eq!((ids[0], with_markers(&ids, 49189)), (1, 332));
    }
}

#[test]
fn smolvlm2_2b_answers_in_every_form() {
    for ids in prompts(Model::Smolvlm2b, (2000, 500), 49190, 405) {
        // Per tile a marker of two tokens, a line break behind the row, and the whole view.
        assert_eq!((ids[0], with_markers(&ids, 49189)), (1, 4 * (81 + 2) + 1 + 81 + 3));
    }
}

/// Its markers of tiles are ordinary text.
#[test]
fn the_first_smolvlm_answers_in_every_form() {
    for ids in prompts(Model::SmolvlmV1, (2000, 500), 49153, 405) {
        assert_eq!(ids.iter().filter(|&&id| id == 49152).count(), 6);
        assert!(with_markers(&ids, 49152) > 4 * (81 + 2) + 1 + 81 + 3);
    }
}

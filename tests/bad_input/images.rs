//! Images of every kind in one dataset: the broken ones are errors of their questions
//! alone, the odd ones are answered.

use std::{fs, io::Cursor};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::Value;

use crate::support::{Place, Run, Small, TINY, fixture};

fn known(name: &str) -> Vec<u8> {
    fs::read(fixture("images").join(name)).unwrap()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 99]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Asks the tiny checkpoint one question about each of these images.
fn asked_about(images: Vec<Vec<u8>>) -> (Run, Vec<Value>) {
    let place = Place::new();
    let count = images.len().to_string();
    Small::about(images).write(&place.path("small"));
    let model = place.checkpoint(TINY);
    let run = place.vqa(&[model.to_str().unwrap()], &["-n", &count, "--max-tokens", "4"]);
    run.assert_no_panic();
    let results = place.results();
    assert_eq!(results["status"], "completed");
    (run, results["models"][0]["questions"].as_array().unwrap().clone())
}

#[test]
fn broken_images_are_errors_of_their_questions_alone() {
    let whole = known("rgb.png");
    let broken = [
        (b"".to_vec(), "is empty (0 bytes)"),
        (b"This is a text.\n".to_vec(), "is not an image"),
        (whole[..whole.len() / 2].to_vec(), "damaged or truncated"),
        (known("chroma_420.jpg")[..200].to_vec(), "damaged or truncated"),
        (known("animated.gif")[..40].to_vec(), "damaged or truncated"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "damaged or truncated"),
    ];
    let mut images: Vec<Vec<u8>> = broken.iter().map(|(bytes, _)| bytes.clone()).collect();
    images.push(whole);
    let (run, questions) = asked_about(images);
    let run = run.ended(1);
    for (question, (_, told)) in questions.iter().zip(&broken) {
        assert_eq!(question["outcome"], "error", "{question}");
        let message = question["message"].as_str().unwrap();
        let name = format!("{:012}.png", question["question_id"].as_u64().unwrap());
        assert!(message.contains(told) && message.contains(&name), "{message}");
    }
    let last = questions.last().unwrap();
    assert!(matches!(last["outcome"].as_str(), Some("answered" | "empty")), "{last}");
    assert!(run.stdout.contains("6 failed"), "{run:#?}");
    assert!(!run.stderr.contains("restarted"), "{run:#?}");
}

#[test]
fn odd_images_are_answered() {
    let odd = [
        png(1, 1),
        png(20_000, 10),
        png(10, 20_000),
        png(1, 700),
        known("cmyk.jpg"),
        known("cmyk.tif"),
        known("grey_16bit.png"),
        known("rgb_16bit.png"),
        known("palette.png"),
        known("palette_4bit_transparent.png"),
        known("one_bit.png"),
        known("rgba.png"),
        known("grey_alpha_16bit.png"),
        known("animated.gif"),
        known("animated.webp"),
        known("orientation_6.jpg"),
        known("progressive.jpg"),
    ];
    let (_, questions) = asked_about(odd.to_vec());
    assert_eq!(questions.len(), odd.len());
    for question in questions {
        assert!(question["usage"]["image_tokens"].as_u64() > Some(0), "{question}");
        assert!(matches!(question["outcome"].as_str(), Some("answered" | "empty")), "{question}");
    }
}

#[test]
fn an_image_that_is_missing_or_a_folder_is_an_error_of_its_question_alone() {
    let place = Place::new();
    let mut small = Small::of(3);
    small.images.drain(..2);
    small.write(&place.path("small"));
    fs::create_dir(place.path("small/images/000000000002.png")).unwrap();
    let model = place.checkpoint(TINY);
    place.vqa(&[model.to_str().unwrap()], &["-n", "3", "--max-tokens", "4"]).ended(1);
    let questions = &place.results()["models"][0]["questions"];
    for (at, told) in [(0, "No such file"), (1, "not a regular file")] {
        let message = questions[at]["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("{:012}", at + 1)) && message.contains(told),
            "{message}"
        );
        assert!(questions[at]["image_sha256"].is_null());
    }
    assert_eq!(questions[2].get("message"), None);
}

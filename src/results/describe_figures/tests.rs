//! Figures of a few descriptions, worked out by hand.

use super::*;
use crate::{
    memory::{CleanupReason, CleanupRecord, Level},
    results::{
        Cause,
        example::described::{image, said, text_only},
    },
};

fn cleanup(before_question: Option<usize>, active_after_bytes: u64) -> CleanupRecord {
    CleanupRecord {
        before_question,
        reason: CleanupReason::Scheduled,
        freed_bytes: 1,
        active_after_bytes,
        cache_after_bytes: 0,
        duration_ms: 1.0,
        level: Level::Normal,
        passes: 1,
        steps: Vec::new(),
        error: None,
    }
}

fn figures(questions: &[QuestionResult]) -> DescribeFigures {
    DescribeFigures::of(questions, Course::default())
}

#[test]
fn a_description_is_sound_unless_something_speaks_against_it_or_it_is_told_twice() {
    let questions = [
        image(1, said("A red circle.")),
        image(2, said("Describe this image, please.")),
        image(3, said("A blue star.")),
        image(4, said("a BLUE star")),
        image(5, said("A cat and a dog and a dog and a dog and a dog")),
        image(6, Outcome::Empty { raw: String::new() }),
        image(7, Outcome::Error { message: "no image".to_owned(), cause: Cause::Image }),
    ];
    let figures = figures(&questions);
    assert_eq!((figures.images, figures.described, figures.sound), (7, 5, 1));
    assert_eq!(figures.identical, [[3, 4]]);
    let counts = CheckCounts { empty: 1, echo: 1, cut_off_in_word: 0, repetitive: 1, identical: 2 };
    assert_eq!(figures.checks, counts);
}

#[test]
fn two_files_with_the_same_content_may_be_described_alike() {
    let mut questions = [image(1, said("A red circle.")), image(2, said("A red circle."))];
    assert_eq!(figures(&questions).identical, [[1, 2]]);
    let digest = questions[0].image_sha256.clone();
    questions[1].image_sha256 = digest;
    assert!(figures(&questions).identical.is_empty());
}

#[test]
fn recall_is_over_the_facts_of_described_images_and_chance_over_those_of_the_next() {
    // Image n is known to hold a circle and to be `red` for odd n, `blue` for even n.
    let questions = [
        image(1, said("A red circle.")),
        image(2, said("A red star.")),
        image(3, Outcome::Empty { raw: String::new() }),
    ];
    let recall = figures(&questions).recall.unwrap();
    assert_eq!((recall.facts, recall.mentioned), (4, 2));
    assert!((recall.share - 0.5).abs() < 1e-12);
    // Of image 2 the circle is mentioned in the first; of image 1 red in the second.
    assert!((recall.of_next_image.unwrap() - 0.5).abs() < 1e-12);
    assert_eq!(figures(&questions[..1]).recall.unwrap().of_next_image, None);
    assert_eq!(figures(&questions[2..]).recall, None);
}

#[test]
fn the_probe_without_images_is_counted_by_itself() {
    let questions = [
        image(1, said("A red circle.")),
        text_only(2, said("Paris.")),
        text_only(3, said("London.")),
        text_only(4, Outcome::Error { message: "no".to_owned(), cause: Cause::Image }),
    ];
    let figures = figures(&questions);
    assert_eq!(figures.images, 1);
    assert_eq!(figures.text_only, TextOnly { prompts: 3, answered: 2, right: 1 });
}

#[test]
fn a_clean_up_belongs_to_the_last_image_before_it() {
    let mut questions: Vec<_> = (1..=4).map(|at| image(at, said("A red circle."))).collect();
    questions.push(text_only(5, said("Paris.")));
    let cleanups = [cleanup(Some(4), 40), cleanup(None, 50)];
    let course = Course { cleanups: &cleanups, ..Course::default() };
    let figures = DescribeFigures::of(&questions, course);
    let after: Vec<_> = figures.by_image.iter().map(|image| image.after_cleanup_bytes).collect();
    assert_eq!(after, [None, None, Some(40), Some(50)]);
    let first = figures.by_image[0];
    assert_eq!((first.position, first.load_ms), (1, Some(3.0)));
    assert_eq!((first.before_bytes, first.after_bytes), (Some(4_700_000), Some(5_200_001)));
}

//! Datasets on disk, as described by a `dataset.toml` and as published: what is
//! read, what is sampled, and what a broken one is told.

#![expect(clippy::unwrap_used, reason = "code of a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use vlm_test::dataset::{Dataset, DatasetError, Selection, load};

const QUESTIONS: &str = "v2_OpenEnded_mscoco_val2014_questions.json";
const ANNOTATIONS: &str = "v2_mscoco_val2014_annotations.json";

fn questions(ids: impl IntoIterator<Item = u64>) -> Value {
    let entry = |id: u64| json!({"image_id": id / 10, "question": format!("what is {id}?"), "question_id": id});
    json!({
        "info": {"version": "2.0"},
        "license": {"url": "none"},
        "data_subtype": "val2014",
        "questions": ids.into_iter().map(entry).collect::<Vec<_>>(),
    })
}

fn annotations(ids: impl IntoIterator<Item = u64>) -> Value {
    let answer = |n: u64| json!({"answer": if n < 8 { "yes" } else { "no" }, "answer_confidence": "yes", "answer_id": n});
    let entry = |id: u64| {
        json!({
            "question_type": "what is", "multiple_choice_answer": "yes",
            "answers": (1..=10).map(answer).collect::<Vec<_>>(),
            "image_id": id / 10, "answer_type": "other", "question_id": id,
        })
    };
    json!({"annotations": ids.into_iter().map(entry).collect::<Vec<_>>()})
}

fn write(root: &Path, name: &str, content: &impl ToString) -> PathBuf {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content.to_string()).unwrap();
    path
}

/// The published layout: 40 questions with ids 100, 101 …, images 10 … 13.
fn published() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), QUESTIONS, &questions(100..140));
    write(root.path(), ANNOTATIONS, &annotations((100..140).rev()));
    for id in 10..14 {
        write(root.path(), &format!("val2014/COCO_val2014_{id:012}.jpg"), &"");
    }
    root
}

fn only(ids: &[u64]) -> Selection {
    Selection { only: ids.to_vec(), ..Selection::default() }
}

fn sample(count: usize, seed: u64) -> Selection {
    Selection { questions: Some(count), seed, only: vec![] }
}

fn ids(dataset: &Dataset) -> Vec<u64> {
    dataset.questions.iter().map(|question| question.id).collect()
}

fn refused(root: &Path, selection: &Selection) -> String {
    load(root, None, selection).unwrap_err().to_string()
}

#[test]
fn the_published_files_are_read_unchanged() {
    let root = published();
    let dataset = load(root.path(), None, &Selection::default()).unwrap();
    assert_eq!((dataset.split.as_str(), dataset.total_questions), ("val2014", 40));
    assert_eq!(ids(&dataset), (100..140).collect::<Vec<_>>());
    let question = &dataset.questions[15];
    assert_eq!((question.id, question.image_id, question.index), (115, 11, 15));
    assert_eq!(question.text, "what is 115?");
    assert_eq!(question.answer_type.as_deref(), Some("other"));
    assert_eq!(question.question_type.as_deref(), Some("what is"));
    assert_eq!(question.answers.iter().filter(|answer| *answer == "yes").count(), 7);
    assert_eq!(question.image, root.path().join("val2014/COCO_val2014_000000000011.jpg"));
}

#[test]
fn the_official_folders_are_searched_too() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &format!("Questions/{QUESTIONS}"), &questions([100]));
    write(root.path(), &format!("Annotations/{ANNOTATIONS}"), &annotations([100]));
    let image = write(root.path(), "Images/mscoco/val2014/COCO_val2014_000000000010.jpg", &"");
    let dataset = load(root.path(), None, &Selection::default()).unwrap();
    assert_eq!(dataset.questions[0].image, image);
    assert_eq!(dataset.questions[0].answers.len(), 10);
}

#[test]
fn val2014_is_preferred_and_any_split_can_be_named() {
    let root = published();
    write(root.path(), "v2_OpenEnded_mscoco_train2014_questions.json", &questions([7]));
    write(root.path(), "v2_mscoco_train2014_annotations.json", &annotations([7]));
    let default = load(root.path(), None, &only(&[100])).unwrap();
    assert_eq!(default.split, "val2014");
    assert_eq!(default.available_splits, ["val2014", "train2014"]);
    let train = load(root.path(), Some("train2014"), &Selection::default()).unwrap();
    assert_eq!(ids(&train), [7]);
    let error = load(root.path(), Some("test"), &Selection::default()).unwrap_err();
    assert!(
        error.to_string().ends_with("has no split `test`; it has val2014, train2014"),
        "{error}"
    );
}

#[test]
fn a_test_split_is_published_without_answers() {
    let root = tempfile::tempdir().unwrap();
    let mut file = questions([100]);
    file["data_subtype"] = json!("test-dev2015");
    write(root.path(), "v2_OpenEnded_mscoco_test-dev2015_questions.json", &file);
    let image = write(root.path(), "test2015/COCO_test2015_000000000010.jpg", &"");
    let dataset = load(root.path(), None, &Selection::default()).unwrap();
    assert_eq!(dataset.annotations_file, None);
    assert!(dataset.questions[0].answers.is_empty());
    assert_eq!(dataset.questions[0].image, image);
}

#[test]
fn a_sample_depends_on_the_seed_and_not_on_the_order_of_the_file() {
    let root = published();
    let first = load(root.path(), None, &sample(8, 3)).unwrap();
    assert_eq!((first.questions.len(), first.total_questions), (8, 40));
    assert!(ids(&first).is_sorted());
    assert_ne!(ids(&first), ids(&load(root.path(), None, &sample(8, 4)).unwrap()));
    write(root.path(), QUESTIONS, &questions((100..140).rev()));
    let mut reversed = ids(&load(root.path(), None, &sample(8, 3)).unwrap());
    assert!(reversed.is_sorted_by(|a, b| a > b), "file order: {reversed:?}");
    reversed.reverse();
    assert_eq!(reversed, ids(&first));
}

#[test]
fn a_sample_of_all_is_the_whole_file() {
    let root = published();
    let all = load(root.path(), None, &sample(40, 9)).unwrap();
    assert_eq!(ids(&all), (100..140).collect::<Vec<_>>());
}

#[test]
fn only_the_named_questions_are_read() {
    let root = published();
    let selection = Selection { questions: Some(1), seed: 0, only: vec![139, 101, 101] };
    assert_eq!(ids(&load(root.path(), None, &selection).unwrap()), [101, 139]);
    let error = refused(root.path(), &only(&[5, 101, 3]));
    assert!(error.ends_with("questions.json holds no question with id 3, 5"), "{error}");
}

#[test]
fn none_and_too_many_questions_are_refused_with_the_numbers() {
    let root = published();
    assert_eq!(refused(root.path(), &sample(0, 0)), "0 questions asked for; ask for at least 1");
    assert_eq!(
        refused(root.path(), &sample(41, 0)),
        "41 questions asked for, but split `val2014` has 40; use --questions 40 at most"
    );
}

#[test]
fn a_question_without_annotation_or_image_is_kept() {
    let root = published();
    write(root.path(), ANNOTATIONS, &annotations(101..140));
    fs::remove_file(root.path().join("val2014/COCO_val2014_000000000010.jpg")).unwrap();
    let dataset = load(root.path(), None, &only(&[100])).unwrap();
    assert!(dataset.questions[0].answers.is_empty());
    let expected = root.path().join("val2014/COCO_val2014_000000000010.jpg");
    assert_eq!(dataset.questions[0].image, expected);
}

#[test]
fn duplicate_ids_are_refused_even_when_not_selected() {
    let root = published();
    write(root.path(), ANNOTATIONS, &annotations([100, 105, 105]));
    let error = refused(root.path(), &only(&[100]));
    assert!(error.ends_with("line 1: second annotation with question id 105"), "{error}");
    write(root.path(), QUESTIONS, &questions([100, 101, 100]));
    let error = refused(root.path(), &only(&[101]));
    assert!(error.ends_with("line 1: second question with question id 100"), "{error}");
}

#[test]
fn a_malformed_file_is_named_with_line_and_field() {
    let root = published();
    let cases = [
        (
            "{\"questions\": [\n{\"question_id\": 1, \"image_id\": 2}]}",
            2,
            "missing field `question`",
        ),
        (
            "{\"questions\": [\n\n{\"question_id\": -1}]}",
            3,
            "invalid value: integer `-1`, expected u64",
        ),
        ("{\"questions\": [\n{\"question_id\": 1,", 2, "EOF while parsing"),
    ];
    for (text, expected_line, expected) in cases {
        write(root.path(), QUESTIONS, &text);
        match load(root.path(), None, &Selection::default()) {
            Err(DatasetError::Malformed { path, line, message, .. }) => {
                assert_eq!((path, line), (root.path().join(QUESTIONS), expected_line));
                assert!(message.starts_with(expected), "{message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn an_annotation_about_another_image_is_refused() {
    let root = published();
    let mut file = annotations([100]);
    file["annotations"][0]["image_id"] = json!(99);
    write(root.path(), ANNOTATIONS, &file);
    let error = refused(root.path(), &Selection::default());
    assert!(
        error.ends_with("question 100 is about image 99, the question about image 10"),
        "{error}"
    );
}

#[test]
fn missing_and_empty_files_are_named() {
    let root = published();
    fs::remove_file(root.path().join(ANNOTATIONS)).unwrap();
    let error = refused(root.path(), &Selection::default());
    assert!(error.starts_with("the annotations file of split `val2014` is missing"), "{error}");
    write(root.path(), ANNOTATIONS, &annotations([]));
    write(root.path(), QUESTIONS, &questions([]));
    assert!(refused(root.path(), &Selection::default()).ends_with("holds no question"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(empty.path(), &Selection::default()).contains("neither a dataset.toml nor"));
    assert!(refused(&empty.path().join("x"), &Selection::default()).contains("is not a folder"));
}

const MANIFEST: &str = r#"
name = "tiny"
description = "Two questions."
license = "CC0-1.0"
format = "vqa_v2"

[splits.test]
questions = "q.json"
annotations = "a.json"
images = "pictures"
"#;

fn described() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "dataset.toml", &MANIFEST);
    write(root.path(), "q.json", &questions([10, 20]));
    write(root.path(), "a.json", &annotations([10, 20]));
    write(root.path(), "pictures/COCO_val2014_000000000001.png", &"");
    write(root.path(), "pictures/000000000002.jpg", &"");
    root
}

#[test]
fn a_described_dataset_is_read_as_its_manifest_says() {
    let root = described();
    let dataset = load(root.path(), None, &Selection::default()).unwrap();
    assert_eq!((dataset.name.as_str(), dataset.split.as_str()), ("tiny", "test"));
    assert_eq!(dataset.license.as_deref(), Some("CC0-1.0"));
    let images: Vec<_> = dataset.questions.iter().map(|question| &question.image).collect();
    let pictures = root.path().join("pictures");
    let expected =
        [pictures.join("COCO_val2014_000000000001.png"), pictures.join("000000000002.jpg")];
    assert_eq!(images, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_faulty_manifest_is_refused_with_field_and_line() {
    let root = described();
    let cases = [
        (MANIFEST.replace("name =", "nome ="), "unknown field `nome`"),
        (MANIFEST.replace("vqa_v2", "coco"), "unknown variant `coco`, expected `vqa_v2`"),
        (MANIFEST.replace("questions =", "question ="), "unknown field `question`"),
        (MANIFEST.replace("images = \"pictures\"", ""), "missing field `images`"),
        (MANIFEST.replace("[splits", "[[splits"), "line 7"),
    ];
    for (text, expected) in cases {
        write(root.path(), "dataset.toml", &text);
        let error = refused(root.path(), &Selection::default());
        assert!(error.contains(expected) && error.contains("dataset.toml"), "{error}");
    }
    write(root.path(), "dataset.toml", &MANIFEST.replace("pictures", "paintings"));
    assert!(
        refused(root.path(), &Selection::default()).contains("the image folder of split `test`")
    );
}

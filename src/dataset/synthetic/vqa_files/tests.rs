//! The shipped split comes from this generator, and its files are in the official layout.
use super::*;
use serde_json::Value;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/shapes")
}

fn options(seed: u64, images: u64) -> DatasetOptions {
    DatasetOptions { seed, images, questions_per_image: 5, split: "test".to_owned(), facts: false }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_shipped_split_is_made_again_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let summary = write_dataset(dir.path(), &options(2, 120)).unwrap();
    for file in [&summary.questions_file, &summary.annotations_file] {
        let shipped = shipped().join(file.file_name().unwrap());
        assert_eq!(fs::read_to_string(file).unwrap(), fs::read_to_string(shipped).unwrap());
    }
    assert_eq!((summary.images, summary.questions), (120, 600));
    assert_eq!(fs::read_dir(shipped().join("images")).unwrap().count(), 120);
    for image_id in 1..=120 {
        let name = image_name("test2014", image_id);
        let pixels =
            |folder: &Path| image::open(folder.join("images").join(&name)).unwrap().to_rgb8();
        let (made, kept) = (pixels(dir.path()), pixels(&shipped()));
        assert_eq!(made.dimensions(), kept.dimensions(), "{name}");
        if name.ends_with("png") {
            assert!(made == kept, "{name} differs");
        }
        // The JPEG codec may round differently elsewhere.
        let apart = made.iter().zip(kept.iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(12), "{name}: {apart:?}");
    }
}

#[test]
fn annotations_carry_ten_equal_answers_and_match_the_questions() {
    let questions = json(&shipped().join("v2_OpenEnded_mscoco_test2014_questions.json"));
    let annotations = json(&shipped().join("v2_mscoco_test2014_annotations.json"));
    for head in ["info", "license", "data_subtype", "data_type", "task_type"] {
        assert!(questions.get(head).is_some() && annotations.get(head).is_some(), "{head}");
    }
    let pairs = questions["questions"]
        .as_array()
        .unwrap()
        .iter()
        .zip(annotations["annotations"].as_array().unwrap());
    for (question, annotation) in pairs {
        assert_eq!(question["question_id"], annotation["question_id"]);
        assert_eq!(question["image_id"], annotation["image_id"]);
        let answers = annotation["answers"].as_array().unwrap();
        assert_eq!(answers.len(), 10);
        for (number, answer) in (1..).zip(answers) {
            assert_eq!(answer["answer"], annotation["multiple_choice_answer"]);
            assert_eq!(answer["answer_id"], number);
        }
        let text = question["question"].as_str().unwrap().to_lowercase();
        assert!(text.starts_with(annotation["question_type"].as_str().unwrap()), "{text}");
    }
}

#[test]
fn a_longer_split_starts_with_the_scenes_of_a_shorter_one() {
    let (short, long) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_dataset(short.path(), &options(9, 2)).unwrap();
    write_dataset(long.path(), &options(9, 4)).unwrap();
    for image_id in 1..=2 {
        let name = Path::new("images").join(image_name("test2014", image_id));
        assert_eq!(
            fs::read(short.path().join(&name)).unwrap(),
            fs::read(long.path().join(&name)).unwrap()
        );
    }
}

#[test]
fn facts_come_one_scene_a_line() {
    let dir = tempfile::tempdir().unwrap();
    write_dataset(dir.path(), &DatasetOptions { facts: true, ..options(9, 3) }).unwrap();
    let text = fs::read_to_string(dir.path().join("scenes_test.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["file"], "COCO_test2014_000000000002.jpg");
    assert_eq!(lines[1]["description"], describe(&Scene::random(9, 1)));
}

#[test]
fn unusable_options_and_folders_are_errors_that_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let message =
        |options: DatasetOptions| write_dataset(dir.path(), &options).unwrap_err().to_string();
    assert!(
        message(DatasetOptions { split: "../x".to_owned(), ..options(1, 1) }).contains("split")
    );
    assert!(
        message(DatasetOptions { questions_per_image: 0, ..options(1, 1) })
            .contains("questions per image")
    );
    assert!(message(options(1, 0)).contains("number of images"));
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(write_dataset(&file, &options(1, 1)).unwrap_err().to_string().contains("file"));
}

//! What a run leaves in its folder.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::support::{Place, Small, TINY, each};

#[test]
fn a_run_leaves_its_events_its_report_and_its_log() {
    let place = Place::with_questions(3);
    let model = place.scripted("model", "default = 'yes'");
    let arguments = ["vqa", "--dataset", "small", "-n", "3", "--models", &model];
    place.run(&arguments).ended(0);
    let runs: Vec<_> = place.path("results").read_dir().unwrap().collect();
    assert_eq!(runs.len(), 1);
    let run = runs[0].as_ref().unwrap();
    let name = run.file_name().into_string().unwrap();
    let shape: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00-00-00Z-vqa");
    let files: BTreeSet<_> =
        run.path().read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(
        files,
        ["debug.log", "events.jsonl", "memory.csv", "results.json"].map(Into::into).into()
    );
    place.run(&arguments).ended(0);
    assert_eq!(place.path("results").read_dir().unwrap().count(), 2);
}

#[test]
fn events_come_in_order_and_every_line_carries_its_place_and_checksum() {
    let place = Place::with_questions(2);
    let model = place.scripted("model", "default = 'yes'");
    place.vqa(&[&model], &["-n", "2"]).ended(0);
    let names: Vec<_> =
        place.course().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    let expected = "run_started model_started model_loaded question_started question_finished \
                    question_started question_finished cleaned_up model_finished run_finished";
    assert_eq!(names.join(" "), expected);
}

#[test]
fn a_report_says_what_ran_on_what_and_what_came_of_every_question() {
    let place = Place::with_questions(2);
    let model = place.checkpoint(TINY);
    let run = place.vqa(&[model.to_str().unwrap()], &["-n", "2", "--max-tokens", "3"]);
    assert!(matches!(run.status, Some(0 | 1)), "{run:#?}");
    let results = place.results();
    assert_eq!(
        (&results["schema"], &results["schema_version"]),
        (&"vlm-test.results".into(), &1.into())
    );
    assert_eq!(results["status"], "completed");
    let provenance = &results["provenance"];
    assert_eq!(provenance["tool_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(provenance["dataset"]["total_questions"], 2);
    for digest in ["questions_sha256", "annotations_sha256"] {
        assert_eq!(provenance["dataset"][digest].as_str().unwrap().len(), 64);
    }
    for field in ["architecture", "memory_bytes", "os"] {
        assert!(!provenance["machine"][field].is_null(), "{field}");
    }
    let loaded = &results["models"][0]["loaded"];
    assert_eq!(
        (&loaded["model_type"], &loaded["precision"]),
        (&"smolvlm".into(), &"float32".into())
    );
    assert!(loaded["mlx_version"].is_string() && loaded["template_sha256"].is_string());
    for question in results["models"][0]["questions"].as_array().unwrap() {
        assert_eq!(question["image_sha256"].as_str().unwrap().len(), 64);
        assert!(question["usage"]["image_tokens"].as_u64() > Some(0), "{question}");
        for time in ["preprocess", "prefill", "time_to_first_token"] {
            assert!(question["timings_ms"][time].as_f64() > Some(0.0), "{time}: {question}");
        }
        // All images of the small dataset have one content, which is encoded once.
        let encodes = question["position"] == 1;
        assert_eq!(question["timings_ms"]["vision"].as_f64() > Some(0.0), encodes, "{question}");
    }
    // The two images have one content, so it is encoded once.
    let questions = &results["models"][0]["questions"];
    let vision = |index: usize| questions[index]["timings_ms"]["vision"].as_f64().unwrap();
    assert_eq!(questions[0]["image_sha256"], questions[1]["image_sha256"]);
    assert!(vision(0) > 0.0 && vision(1) == 0.0, "{questions}");
}

#[test]
fn every_field_of_a_report_is_documented() {
    let place = Place::with_questions(9);
    let script = "default = 'yes'\n[[answer]]\nquestion = 'n 2?'\ncrash = 'segv'\n\
        [[answer]]\nquestion = 'n 3?'\nempty = true\n[[answer]]\nquestion = 'n 4?'\nerror = 'no'\n\
        [[answer]]\nquestion = 'n 5?'\nhang = true";
    let faulty = place.scripted("faulty", script);
    let native = place.checkpoint(TINY);
    let models = [&*faulty, native.to_str().unwrap(), "smolvlm_2b"];
    place.vqa(&models, &["-n", "9", "--timeout", "2", "--max-tokens", "2"]).ended(3);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/results/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let mut fields = BTreeSet::new();
    collect("", &place.results(), &mut fields);
    assert!(fields.len() > 100, "{fields:?}");
    for field in fields {
        assert!(readme.contains(&format!("| `{field}` |")), "{field} is not documented");
    }
}

/// The paths of all fields as the documentation spells them.
fn collect(path: &str, value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if path != "run.cleanup" => {
            for (key, value) in object {
                let key = if path.contains(".by_") && !path.contains('<') { "<type>" } else { key };
                let inner = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                fields.insert(inner.clone());
                collect(&inner, value, fields);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(&format!("{path}[]"), item, fields);
            }
        }
        _ => {}
    }
}

#[test]
fn a_report_is_there_after_the_first_of_two_models() {
    let place = Place::with_questions(1);
    let first = place.scripted_weighing("first", 2, "default = 'yes'");
    let second = place.scripted_weighing("second", 1, "load_hang = true");
    let run = place
        .command(&[
            "vqa",
            "--dataset",
            "small",
            "-n",
            "1",
            "--output",
            "out",
            "--models",
            &first,
            &second,
        ])
        .spawn()
        .unwrap();
    crate::interrupt::wait_for(|| place.path("out/results.json").exists());
    let results = place.results();
    assert_eq!(results["status"], "interrupted");
    assert_eq!(each(&results["models"], "status"), ["completed"]);
    crate::interrupt::signal(&run, libc::SIGINT);
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
}

#[test]
fn questions_about_one_image_are_asked_together_and_reported_in_their_own_order() {
    let place = Place::new();
    let mut dataset = Small::of(6);
    for (question, image) in dataset.questions.iter_mut().zip([1, 2, 1, 3, 2, 1]) {
        question["image_id"] = image.into();
    }
    for (annotation, image) in dataset.annotations.iter_mut().zip([1, 2, 1, 3, 2, 1]) {
        annotation["image_id"] = image.into();
    }
    dataset.write(&place.path("small"));
    let model = place.scripted("model", "default = 'yes'");
    place.vqa(&[&model], &["-n", "6", "--cleanup-every", "2"]).ended(0);
    let asked: Vec<_> = place
        .events_named("question_started")
        .iter()
        .map(|event| event["position"].as_u64().unwrap())
        .collect();
    assert_eq!(asked, [1, 3, 6, 2, 5, 4]);
    let questions = &place.results()["models"][0]["questions"];
    assert_eq!(each(questions, "position"), [1, 2, 3, 4, 5, 6]);
    // Clean-ups count questions as they are asked.
    let cleaned: Vec<_> = place
        .events_named("cleaned_up")
        .iter()
        .map(|event| event["record"]["before_question"].clone())
        .collect();
    assert_eq!(cleaned, [3.into(), 5.into(), Value::Null]);
}

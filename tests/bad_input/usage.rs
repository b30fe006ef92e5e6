//! Names, values and folders that make no sense.

use crate::support::Place;

#[test]
fn an_unknown_model_is_wrong_usage_with_the_nearest_name() {
    for command in [["vqa", "--models", "smolvm_tiny"], ["ask", "--model=smolvm_tiny", "Why?"]] {
        let run = Place::new().run(&command).ended(2);
        let error = run.error();
        assert!(
            error.starts_with("no model is called 'smolvm_tiny' (did you mean 'smolvlm_tiny'?)")
        );
        assert!(run.stderr.contains("hint: `vlm-test models` lists them"), "{run:#?}");
    }
    let run = Place::new().run(&["vqa", "--models", "nowhere/at-all"]);
    assert!(run.error().contains("nowhere/at-all"), "{run:#?}");
}

#[test]
fn an_unknown_dataset_is_wrong_usage_with_the_nearest_name() {
    let place = Place::new();
    let model = place.scripted("model", "default = 'yes'");
    let run = place.run(&["vqa", "--models", &model, "--dataset", "shaps"]).ended(2);
    assert!(run.error().starts_with("no dataset `shaps`; did you mean `shapes`?"), "{run:#?}");
    let run = place.run(&["vqa", "--models", &model, "--dataset", "model.toml"]).ended(2);
    assert!(run.error().starts_with("model.toml is not a folder"), "{run:#?}");
    std::fs::create_dir(place.path("empty")).unwrap();
    let run = place.run(&["vqa", "--models", &model, "--dataset", "empty"]).ended(2);
    assert!(run.error().contains("neither a dataset.toml nor published VQA v2 files"), "{run:#?}");
}

#[test]
fn missing_weights_are_said_with_how_to_get_them() {
    let place = Place::with_questions(1);
    let fixed = ["vqa", "--dataset", "small", "-n", "1", "--models", "smolvlm_v2_instruct"];
    let run = place.run(&fixed).ended(3);
    let error = run.error();
    assert!(error.contains("the weights of 'smolvlm' are not on this machine"), "{error}");
    let told = "mlx-community/SmolVLM2-500M-Video-Instruct-mlx is not complete in";
    assert!(error.contains(told) && error.contains("without --offline"), "{error}");
    let run = place.run(&["ask", "--model", "smolvlm_2b", "Why?"]).ended(3);
    assert!(run.error().contains("without --offline"), "{run:#?}");
    assert!(!place.path("results").exists());
}

#[test]
fn a_family_that_is_not_built_is_said_plainly() {
    let place = Place::with_questions(1);
    place.write("models/other.toml", "name = 'other'\nrepository = 'a/b'\nmodel_type = 'qwen2_vl'");
    let run = place.vqa(&["other"], &["-n", "1"]).ended(3);
    let error = run.error();
    assert!(error.contains("is not supported yet; supported: idefics3, llava"), "{error}");
}

#[test]
fn values_out_of_range_and_unknown_options_are_wrong_usage() {
    let wrong = [
        ("--questions=0", "--questions"),
        ("--questions=many", "--questions"),
        ("--max-tokens=0", "--max-tokens"),
        ("--timeout=0", "--timeout"),
        ("--cleanup-every=-1", "--cleanup-every"),
        ("--seed=1.5", "--seed"),
        ("--only=x", "--only"),
        ("--question=5", "--questions"),
        ("--cleanup-evry=5", "--cleanup-every"),
    ];
    for (argument, named) in wrong {
        let run = Place::new().run(&["vqa", argument]).ended(2);
        assert!(run.stderr.contains(named), "{run:#?}");
        assert_eq!(run.stdout, "");
    }
    let run = Place::new().run(&["vqa", "--quiet", "--verbose"]).ended(2);
    assert!(run.error().contains("cannot be used with"), "{run:#?}");
    let run = Place::new().run(&["vqaa"]).ended(2);
    assert!(run.stderr.contains("'vqa'"), "{run:#?}");
}

/// The model would end the process with an error of its own if it were loaded.
#[test]
fn an_output_that_cannot_be_written_is_found_before_a_model_is_loaded() {
    let place = Place::with_questions(1);
    let model = place.scripted("model", "load_error = 'it was loaded'");
    place.write("file", "");
    place.write("used/file", "");
    let cases = [
        ("file/below", "cannot write results into file/below"),
        ("file", "cannot write results into file"),
        ("used", "used is not empty"),
        ("/proc/nothing/here", "cannot write results into /proc/nothing/here"),
    ];
    for (output, told) in cases {
        let fixed = ["vqa", "--dataset", "small", "-n", "1", "--models", &model];
        let run = place.run(&[&fixed[..], &["--output", output]].concat()).ended(2);
        let error = run.error();
        assert!(error.starts_with(told) && error.contains("--output"), "{error}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn the_folder_of_an_earlier_run_is_not_written_over() {
    let place = Place::with_questions(1);
    let model = place.scripted("model", "default = 'yes'");
    place.vqa(&[&model], &["-n", "1"]).ended(0);
    let kept = std::fs::read(place.path("out/events.jsonl")).unwrap();
    let run = place.vqa(&[&model], &["-n", "1"]).ended(2);
    assert!(run.error().starts_with("out already holds a run"), "{run:#?}");
    assert_eq!(std::fs::read(place.path("out/events.jsonl")).unwrap(), kept);
}

#[test]
fn a_broken_manifest_is_told_with_its_line() {
    let place = Place::with_questions(1);
    let cases = [
        ("name = 'm'\nbackend = 'scripted'\npath = 'x'\ncolour = 'red'", "colour"),
        ("name = 'm'\npath = ", "line 2"),
        ("name = 'm'", "names neither `path` nor `repository`"),
    ];
    for (manifest, told) in cases {
        place.write("m.toml", manifest);
        let run = place.vqa(&["./m.toml"], &["-n", "1"]).ended(2);
        run.assert_no_panic();
        assert!(run.stderr.contains("m.toml") && run.stderr.contains(told), "{run:#?}");
    }
}

//! Models that are fetched because they are asked, and those that are not.

use serde_json::Value;

use crate::{
    assert_nothing_registered, command,
    hub::{Fault, Hub, REPOSITORY, WEIGHTS},
    run, snapshot,
    support::{Place, Run},
};

#[test]
fn ask_fetches_the_model_that_it_asks() {
    let (place, hub) = (Place::new(), Hub::start());
    let arguments = ["ask", "--model", REPOSITORY, "--json", "What shape is it?"];
    let first = run(&place, &hub, &arguments).ended(0);
    assert_eq!(first.stderr, "");
    assert!(snapshot(&place).join(WEIGHTS).is_file());
    hub.forget();
    let second = run(&place, &hub, &arguments).ended(0);
    assert!(hub.seen().is_empty());
    assert_eq!(first.json()["token_ids"], second.json()["token_ids"]);
}

#[test]
fn vqa_fetches_its_models_after_it_has_found_its_dataset() {
    let (place, hub) = (Place::with_questions(2), Hub::start());
    let vqa = |dataset: &str, more: &[&str]| {
        let fixed = ["vqa", "--dataset", dataset, "--output", "out", "--models", REPOSITORY];
        run(&place, &hub, &[&fixed[..], more].concat())
    };
    vqa("nowhere", &[]).ended(2);
    assert!(hub.seen().is_empty());
    let asked = vqa("small", &["--quiet"]).ended(0);
    assert_eq!(asked.stderr, "");
    assert_eq!(place.results()["models"][0]["status"], "completed");
}

#[test]
fn offline_nothing_is_asked_and_the_error_says_what_to_do() {
    let (place, hub) = (Place::new(), Hub::start());
    let offline = |arguments: &[&str], variable: &str| {
        let run = Run::of(command(&place, &hub, arguments).env("HF_HUB_OFFLINE", variable));
        run.ended(3).error().to_owned()
    };
    for error in [
        offline(&["ask", "--model", REPOSITORY, "--offline", "Why?"], ""),
        offline(&["vqa", "--models", REPOSITORY, "--offline"], "0"),
        offline(&["models", "pull", REPOSITORY, "--offline"], ""),
        offline(&["ask", "--model", REPOSITORY, "Why?"], "1"),
        offline(&["vqa", "--models", REPOSITORY], "yes"),
        offline(&["models", "pull", REPOSITORY], "TRUE"),
    ] {
        let expected = "network is off: run again without --offline and HF_HUB_OFFLINE";
        assert!(error.contains("tiny/smol") && error.contains(expected), "{error}");
    }
    assert!(hub.seen().is_empty());
    run(&place, &hub, &["models", "pull", REPOSITORY, "--quiet"]).ended(0);
    let here = run(&place, &hub, &["models", "pull", REPOSITORY, "--offline"]).ended(0);
    assert!(here.stdout.contains("all here already"), "{here:#?}");
}

#[test]
fn one_model_that_cannot_be_had_among_others_is_recorded_with_the_reason() {
    let (place, hub) = (Place::with_questions(1), Hub::start());
    let good = place.scripted("good", "default = 'yes'");
    let fixed = ["vqa", "--dataset", "small", "--output", "out", "--models"];
    run(&place, &hub, &[&fixed[..], &["tiny/none", &good]].concat());
    let results = place.results();
    let models = results["models"].as_array().unwrap();
    let none = models.iter().find(|model| model["name"] == "none").unwrap();
    assert!(none.to_string().contains("has no model tiny/none"), "{none}");
    let good = models.iter().find(|model| model["name"] == "good").unwrap();
    assert_eq!(good["status"], Value::from("completed"));
}

#[test]
fn a_download_cut_short_by_others_is_completed_at_first_use() {
    let (place, hub) = (Place::new(), Hub::start());
    let folder = "hf/hub/models--tiny--smol";
    place.write(&format!("{folder}/refs/main"), crate::hub::COMMIT);
    let (config, _) = hub.file("config.json");
    place.write(&format!("{folder}/snapshots/{}/config.json", crate::hub::COMMIT), config);
    run(&place, &hub, &["ask", "--model", REPOSITORY, "What shape is it?"]).ended(0);
}

#[test]
fn a_failed_first_use_leaves_no_model() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("?signature", 9, Fault::Damage);
    let ask = run(&place, &hub, &["ask", "--model", REPOSITORY, "Why?"]).ended(3);
    assert!(
        ask.error().contains(
            "'smol' are not on this machine: model.safetensors of tiny/smol arrived damaged"
        ),
        "{ask:#?}"
    );
    assert_nothing_registered(&place);
}

#[test]
fn a_model_of_a_family_that_is_not_built_is_not_fetched() {
    let (place, hub) = (Place::new(), Hub::start());
    let manifest = format!("name = 'm'\nrepository = '{REPOSITORY}'\nmodel_type = 'qwen9'");
    place.write("models/m.toml", manifest);
    let ask = run(&place, &hub, &["ask", "--model", "m", "Why?"]).ended(3);
    assert!(ask.error().contains("model_type 'qwen9' of 'm' is not supported yet"), "{ask:#?}");
    assert!(hub.seen().is_empty());
}

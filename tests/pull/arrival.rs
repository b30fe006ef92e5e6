//! What a download leaves in the cache, and that a model runs from it.

use std::{fs, path::Path};

use crate::{
    cached, command,
    hub::{COMMIT, Hub, OLD_NAME, REPOSITORY, WEIGHTS},
    names, partial, pull, run, snapshot,
    support::{Place, Run},
};

#[test]
fn a_pulled_model_answers_questions_without_the_network() {
    let (place, hub) = (Place::new(), Hub::start());
    let pulled = pull(&place, &hub).ended(0);
    let told = format!("{REPOSITORY}: main is commit {COMMIT}; 7 files, 6.3 MB to fetch");
    assert!(pulled.stderr.contains(&told), "{pulled:#?}");
    assert!(pulled.stderr.contains("model.safetensors: 6.2 MB, verified"), "{pulled:#?}");
    let path = snapshot(&place);
    let told = format!("smol: 6.3 MB, 6.3 MB fetched, commit {COMMIT}\n  {}\n", path.display());
    assert_eq!(pulled.stdout, told);
    hub.forget();
    let vqa = run(&place, &hub, &["vqa", "-n", "3", "--models", REPOSITORY, "--offline"]).ended(0);
    assert!(vqa.stdout.contains("3/3"), "{vqa:#?}");
    assert!(hub.seen().is_empty());
}

#[test]
fn the_cache_is_laid_out_as_python_lays_it_out_and_holds_only_what_is_needed() {
    let (place, hub) = (Place::new(), Hub::start());
    pull(&place, &hub).ended(0);
    assert_eq!(fs::read_to_string(cached(&place).join("refs/main")).unwrap(), COMMIT);
    let needed = [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(names(&snapshot(&place)), needed);
    assert_eq!(partial(&place), [""; 0]);
    assert_eq!(names(&cached(&place).join("blobs")).len(), needed.len());
    for name in needed {
        let (content, hash) = hub.file(name);
        let link = snapshot(&place).join(name);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../../blobs").join(hash), "{name}");
        assert_eq!(fs::read(&link).unwrap(), content, "{name}");
    }
}

#[test]
fn what_is_here_is_not_fetched_again() {
    let (place, hub) = (Place::new(), Hub::start());
    pull(&place, &hub).ended(0);
    hub.forget();
    let again = pull(&place, &hub).ended(0);
    assert!(again.stderr.contains("nothing to fetch"), "{again:#?}");
    assert!(again.stdout.contains("all here already"), "{again:#?}");
    let paths: Vec<_> = hub.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, [format!("/api/models/{REPOSITORY}/revision/main?blobs=true")]);
    fs::remove_file(cached(&place).join("blobs").join(hub.file("config.json").1)).unwrap();
    assert!(pull(&place, &hub).ended(0).stderr.contains("config.json: "));
    assert!(hub.seen_by_storage().is_empty());
}

#[test]
fn the_revision_of_the_manifest_is_the_one_that_is_fetched_and_listed() {
    let (place, hub) = (Place::new(), Hub::start());
    for (revision, asked) in [("v1", "v1"), ("refs/pr/1", "refs%2Fpr%2F1")] {
        let manifest = format!("name = 'm'\nrepository = '{REPOSITORY}'\nrevision = '{revision}'");
        place.write("models/m.toml", manifest);
        hub.forget();
        let pulled = run(&place, &hub, &["models", "pull", "m", "--json"]).ended(0);
        assert_eq!(pulled.stderr, "");
        let row = &pulled.json()[0];
        assert_eq!((&row["name"], &row["revision"]), (&"m".into(), &revision.into()));
        assert_eq!((&row["commit"], &row["problem"]), (&COMMIT.into(), &serde_json::Value::Null));
        assert!(hub.seen()[0].path.contains(&format!("/revision/{asked}?")));
        let reference = cached(&place).join("refs").join(revision);
        assert_eq!(fs::read_to_string(reference).unwrap(), COMMIT);
    }
    let models = run(&place, &hub, &["models", "--json"]).ended(0).json();
    let listed = models.as_array().unwrap().iter().find(|model| model["name"] == "m").unwrap();
    assert_eq!((&listed["commit"], &listed["status"]), (&COMMIT.into(), &"ready".into()));
    assert_eq!(listed["place"], snapshot(&place).to_str().unwrap());
    assert_eq!(listed["fits"], true);
    let table = run(&place, &hub, &["models"]).ended(0).stdout;
    let line = table.lines().find(|line| line.starts_with("m ")).unwrap();
    assert!(line.contains(&COMMIT[..7]) && line.contains("6.3 MB"), "{line}");
}

#[test]
fn a_renamed_repository_is_found_under_its_old_name() {
    let (place, hub) = (Place::new(), Hub::start());
    run(&place, &hub, &["models", "pull", OLD_NAME, "--quiet"]).ended(0);
    let kept = place.path("hf/hub/models--tiny--once-smol/snapshots").join(COMMIT);
    assert!(kept.join(WEIGHTS).is_file());
}

#[test]
fn what_python_downloaded_is_found_without_a_request() {
    let (place, hub) = (Place::new(), Hub::start());
    let folder = "elsewhere/models--tiny--smol";
    place.write(&format!("{folder}/refs/main"), COMMIT);
    place.write(&format!("{folder}/snapshots/{COMMIT}/README.md"), "");
    for name in [
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "processor_config.json",
        "generation_config.json",
        WEIGHTS,
    ] {
        let (content, hash) = hub.file(name);
        place.write(&format!("{folder}/blobs/{hash}"), content);
        let link = place.path(&format!("{folder}/snapshots/{COMMIT}/{name}"));
        std::os::unix::fs::symlink(format!("../../blobs/{hash}"), link).unwrap();
    }
    let mut ask = command(&place, &hub, &["ask", "--model", REPOSITORY, "What shape is it?"]);
    Run::of(ask.env("HF_HUB_CACHE", place.path("elsewhere"))).ended(0);
    assert!(hub.seen().is_empty());
}

#[test]
fn several_are_fetched_and_one_that_cannot_be_had_does_not_stop_the_others() {
    let (place, hub) = (Place::new(), Hub::start());
    let run = run(&place, &hub, &["models", "pull", "tiny/none", REPOSITORY, "smolvlm_tiny"]);
    let run = run.ended(3);
    assert!(run.error().contains("has no model tiny/none"), "{run:#?}");
    assert!(run.stdout.contains(&format!("commit {COMMIT}")), "{run:#?}");
    assert!(run.stdout.contains("smolvlm_tiny: part of the program"), "{run:#?}");
}

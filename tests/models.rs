//! `vlm-test models` through the real binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use serde_json::Value;

use crate::support::{Place, TINY};

const KNOWN: [&str; 7] =
    ["llava", "llava15", "phi35_vision", "smolvlm", "smolvlm_256m", "smolvlm_2b", "smolvlm_tiny"];

/// A place with a `models` folder of its own: one that runs, one that is damaged, one of
/// another family.
fn place() -> Place {
    let place = Place::new();
    let well = place.checkpoint(TINY);
    place.write("models/well.toml", format!("name = 'well'\npath = '{}'", well.display()));
    let broken = "a-folder-with-a-rather-long-name".repeat(4);
    place.write(&format!("models/{broken}/config.json"), "{ broken");
    place.write("models/broken.toml", format!("name = 'broken'\npath = '{broken}'"));
    place.write("models/other.toml", "name = 'other'\nrepository = 'a/b'\nmodel_type = 'qwen2_vl'");
    place
}

#[test]
fn json_lists_what_is_known_where_it_is_and_whether_it_can_run() {
    let models = place().run(&["models", "--json"]).ended(0).json();
    let named = |name: &str| {
        models.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap().clone()
    };
    for name in KNOWN {
        named(name);
    }
    let well = named("well");
    assert_eq!((&well["runnable"], &well["status"]), (&true.into(), &"ready".into()));
    assert_eq!((&well["family"], &well["problem"]), (&"smolvlm".into(), &Value::Null));
    assert_eq!(well["weight_bytes"], 761_920);
    assert!(well["size_on_disk"].as_u64() > Some(761_920) && well["fits"] == true, "{well}");
    assert!(well["memory_bytes"].as_u64().unwrap() > 761_920, "{well}");
    assert_eq!((&well["repository"], &well["commit"]), (&Value::Null, &Value::Null));
    assert!(well["place"].as_str().unwrap().ends_with(TINY));
    let broken = named("broken");
    assert_eq!((&broken["runnable"], &broken["status"]), (&false.into(), &"unusable".into()));
    assert!(broken["problem"].as_str().unwrap().contains("config.json"), "{broken}");
    assert_eq!(named("smolvlm")["status"], "not downloaded");
    assert_eq!(named("smolvlm")["repository"], "mlx-community/SmolVLM2-500M-Video-Instruct-mlx");
    assert_eq!(
        (&named("smolvlm")["memory_bytes"], &named("smolvlm")["fits"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(named("smolvlm")["aliases"][0], "smolvlm_v2_instruct");
    assert_eq!(named("other")["status"], "family not built yet");
}

#[test]
fn the_table_keeps_its_columns_though_one_model_has_a_long_problem() {
    let run = place().run(&["models"]).ended(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    let headings: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(headings, ["model", "family", "revision", "disk", "memory", "fits", "status"]);
    let (table, below) = lines.split_at(lines.iter().position(|line| line.is_empty()).unwrap());
    assert_eq!(table.len(), 1 + KNOWN.len() + 3);
    for line in table {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(run.stdout.contains("unusable") && run.stdout.contains("ready"), "{run:#?}");
    let well = below.iter().find(|line| line.trim_start().starts_with("well "));
    assert!(well.is_some_and(|line| line.ends_with(TINY)), "{run:#?}");
    let told = below.iter().find(|line| line.starts_with("broken: "));
    assert!(told.is_some_and(|line| line.contains("config.json")), "{run:#?}");
    assert!(!run.stdout.contains('\u{1b}'));
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_and_the_others_are_listed() {
    let place = Place::new();
    place.write("models/odd.toml", "name = 'odd'\ncolour = 'red'");
    let run = place.run(&["models"]).ended(0);
    assert!(run.stderr.contains("odd.toml") && run.stderr.contains("colour"), "{run:#?}");
    assert!(run.stdout.contains("smolvlm_tiny"));
}

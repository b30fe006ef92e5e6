//! The ladder, rung by rung.

use serde_json::json;

use crate::{asked, clean_ups};

const KEEPING: &str = "default = 'yes'\n[memory]\nquestion_bytes = 1_000_000\nheld_bytes = 5000\n";

fn pressure(from_question: u64, footprint_bytes: u64) -> String {
    format!("[[pressure]]\nfrom_question = {from_question}\nfootprint_bytes = {footprint_bytes}\n")
}

#[test]
fn from_three_quarters_of_the_budget_on_every_question_begins_with_an_empty_cache() {
    let script = format!("{KEEPING}{}", pressure(3, 800_000_000));
    let (run, place) = asked(7, &script, &["--memory-budget", "1GB"]);
    run.ended(0);
    let elevated = |question| (Some(question), "pressure".to_owned(), "elevated".to_owned());
    let found = clean_ups(&place);
    assert_eq!(found[..3], [3, 4, 5].map(elevated));
    // What the schedule asks for is not done twice.
    assert_eq!(found[3].1, "scheduled");
    assert_eq!((found[4].clone(), found.len()), (elevated(7), 6));
    let steps = |at: usize| place.events_named("cleaned_up")[at]["record"]["steps"].clone();
    assert_eq!(steps(0), json!(["halved_cache_limit", "shrank_caches"]));
    assert_eq!(steps(1), json!(null));
}

#[test]
fn from_85_percent_on_nothing_is_kept_and_prompts_run_in_small_pieces() {
    let script = format!("{KEEPING}{}", pressure(2, 900_000_000));
    let (run, place) = asked(3, &script, &["--memory-budget", "1GB"]);
    assert!(run.stdout.contains("pressure up to high"), "{run:#?}");
    run.ended(0);
    let record = &place.events_named("cleaned_up")[0]["record"];
    assert_eq!((&record["before_question"], &record["level"]), (&json!(2), &json!("high")));
    let steps = record["steps"].as_array().unwrap();
    for step in ["halved_cache_limit", "dropped_caches", "smaller_chunks", "forgot_compiled"] {
        assert!(steps.contains(&json!(step)), "{step} is not in {record}");
    }
    let results = place.results();
    let held = |at: usize| results["models"][0]["samples"][at]["held_bytes"].clone();
    assert_eq!(held(0), 0);
    assert!(record["passes"].as_u64().unwrap() <= 3);
}

#[test]
fn at_95_percent_the_worker_is_replaced_and_no_question_is_lost() {
    // The first worker meets its third question short of memory; a new one is not.
    let script = format!(
        "{KEEPING}[[pressure]]\nfrom_question = 3\nfrom_ms = 1500\nfootprint_bytes = 990_000_000\n[[answer]]\nquestion = 'question 2?'\ntext = 'yes'\nslow_ms = 2000\n"
    );
    let (run, place) = asked(4, &script, &["--memory-budget", "1GB"]);
    run.ended(0);
    let restarts = place.events_named("worker_restarted");
    assert_eq!(restarts.len(), 1);
    assert_eq!(restarts[0]["cause"], "restart_wanted");
    assert_eq!(place.results()["models"][0]["summary"]["outcomes"]["answered"], 4);
    assert_eq!(place.results()["models"][0]["questions"][2].get("earlier"), None);
}

#[test]
fn a_question_that_runs_out_of_memory_is_stopped_asked_once_more_and_then_final() {
    let script = format!(
        "{KEEPING}[[pressure]]\nfrom_question = 3\npressure = 'critical'\n\
         [[pressure]]\nfrom_question = 4\n"
    );
    let (run, place) = asked(5, &script, &[]);
    assert!(run.stdout.contains("1 asked once more"), "{run:#?}");
    run.ended(1);
    let question = &place.results()["models"][0]["questions"][2];
    assert_eq!((&question["outcome"], &question["cause"]), (&json!("error"), &json!("memory")));
    let message = question["message"].as_str().unwrap();
    assert!(message.starts_with("stopped") && message.contains("of the budget of"), "{message}");
    assert_eq!(question["earlier"].as_array().unwrap().len(), 1);
    assert_eq!(place.events_named("question_retried").len(), 1);
    assert_eq!(place.results()["models"][0]["summary"]["outcomes"]["answered"], 4);
}

#[test]
fn a_model_that_computes_elsewhere_is_not_cleaned_up_whatever_the_pressure() {
    let script = format!("default = 'yes'\n[memory]\nremote = true\n{}", pressure(2, 990_000_000));
    let (run, place) = asked(12, &script, &["--memory-budget", "1GB"]);
    run.ended(0);
    assert_eq!(clean_ups(&place), []);
    assert!(place.events_named("worker_restarted").is_empty());
    assert!(place.results()["models"][0]["samples"].as_array().unwrap().len() >= 12);
}

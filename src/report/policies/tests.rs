use super::*;
use crate::{
    memory::Level,
    results::{ModelPolicies, RunStatus},
};

const BARE: Look = Look { width: 100, colour: false };

fn figures(policy: CleanupSchedule, peak: u64, cleanups: usize) -> PolicyFigures {
    PolicyFigures {
        policy,
        folder: "off".to_owned(),
        answered: 20,
        questions: 20,
        peak_used_bytes: Some(peak),
        peak_delta_bytes: Some(3_400_000),
        growth_per_question_bytes: Some(if cleanups == 0 { 125_000.0 } else { 0.0 }),
        cleanups,
        cleanup_share: Some(cleanups as f64 / 1000.0),
        questions_per_minute: Some(1234.5),
        restarts: 0,
        highest_level: Some(Level::Normal),
    }
}

fn report(differing: Vec<u64>) -> PolicyReport {
    let policies = vec![
        figures(CleanupSchedule::Off, 2_400_000_000, 0),
        figures(CleanupSchedule::EveryQuestions(5), 1_100_000_000, 4),
        figures(CleanupSchedule::EveryQuestions(1), 900_000_000, 20),
        figures(CleanupSchedule::Adaptive, 1_000_000_000, 2),
    ];
    let model = ModelPolicies { model: "smolvlm_tiny".to_owned(), policies, differing };
    PolicyReport {
        schema: String::new(),
        schema_version: 1,
        status: RunStatus::Completed,
        models: vec![model],
    }
}

#[test]
fn policies_stand_side_by_side() {
    insta::with_settings!({snapshot_path => "../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("policies_100", render(&report(vec![]), "results/a", BARE));
        let narrow = Look { width: 44, colour: false };
        insta::assert_snapshot!("policies_44", render(&report(vec![7, 9]), "results/a", narrow));
    });
}

#[test]
fn every_policy_has_a_name_of_its_own() {
    let all = [
        CleanupSchedule::Off,
        CleanupSchedule::Never,
        CleanupSchedule::Adaptive,
        CleanupSchedule::EveryQuestions(1),
        CleanupSchedule::EveryQuestions(5),
        CleanupSchedule::EveryImages(5),
    ];
    let names: std::collections::HashSet<_> = all.map(policy_name).into();
    assert_eq!(names.len(), all.len());
}

//! A run with every kind of event and outcome, for tests of what is made of it.

pub(crate) mod conversed;
pub(crate) mod described;
pub(crate) mod recalled;
pub(crate) mod sampled;

use super::{
    About, AboutVqa, Cause, DatasetProvenance, Entry, Event, Judgement, Machine, ModelComparison,
    ModelStatus, ModelUnderTest, Outcome, Provenance, QuestionResult, RunSettings, RunStatus,
};
use crate::{
    memory::{
        CleanupReason, CleanupRecord, CleanupSchedule, Level, MemoryLimits, QuestionMemory, Relief,
    },
    scoring::{
        Scored, VqaScores,
        context::{Comparison, Condition},
    },
    vlm::{FinishReason, LoadOptions, Loaded, Phase, Timings, Usage},
    worker::{Death, DeathCause},
};

/// Gives events places and times, 100 ms apart.
pub(crate) fn entries(events: impl IntoIterator<Item = Event>) -> Vec<Entry> {
    let entry = |(seq, event): (usize, Event)| Entry {
        seq: seq as u64,
        time: format!("2026-11-20T20:42:{:02}.{}00Z", seq / 10 % 60, seq % 10),
        elapsed_ms: seq as f64 * 100.0,
        event,
    };
    events.into_iter().enumerate().map(entry).collect()
}

/// A run of every suite.
pub(crate) fn every_suite() -> [Vec<Entry>; 5] {
    [
        complete_run(),
        described::described_run(),
        conversed::conversed_run(),
        conversed::blind_run(),
        recalled::recalled_run(),
    ]
}

/// Eight questions for `smolvlm_tiny`, none for `smolvlm_2b`, which is skipped.
pub(crate) fn complete_run() -> Vec<Entry> {
    let mut events = vec![started(8), model_started(), loaded()];
    for position in 1..=8 {
        if position == 6 {
            events.push(sampled::sampled(&tiny(), 6));
            events.push(cleaned_up(Some(6), None));
        }
        events.extend([asked(position), finished(position, outcome(position))]);
    }
    events.push(cleaned_up(None, Some("the cache still holds 12 bytes")));
    let reason = "signal 9".to_owned();
    events.push(Event::WorkerRestarted { model: tiny(), reason, cause: Some(DeathCause::Killed) });
    events.push(ended(ModelStatus::Completed));
    let reason = "its weights are not on this machine".to_owned();
    events.push(Event::ModelSkipped { model: "smolvlm_2b".to_owned(), reason });
    events.push(Event::RunFinished { status: RunStatus::Completed });
    entries(events)
}

/// Stopped over the third of eight questions.
pub(crate) fn interrupted_run() -> Vec<Entry> {
    let mut events = vec![started(8), model_started(), loaded()];
    for position in 1..=2 {
        events.extend([asked(position), finished(position, outcome(position))]);
    }
    events.push(asked(3));
    entries(events)
}

/// Three questions that all fail.
pub(crate) fn failed_run() -> Vec<Entry> {
    let mut events = vec![started(3), model_started(), loaded()];
    for position in 1..=3 {
        let message = format!("image {position}.png is not an image \u{1b}[31m");
        events.extend([
            asked(position),
            finished(position, Outcome::Error { message, cause: Cause::Image }),
        ]);
    }
    events.push(ended(ModelStatus::Completed));
    events.push(Event::RunFinished { status: RunStatus::Completed });
    entries(events)
}

/// Two models of a context test.
pub(crate) fn comparison() -> ModelComparison {
    ModelComparison {
        first: tiny(),
        second: "llava_tiny".to_owned(),
        comparison: Comparison {
            condition: Condition::A,
            scenarios: 12,
            difference: 0.05,
            p: 0.25,
        },
    }
}

fn tiny() -> String {
    "smolvlm_tiny".to_owned()
}

fn started(questions: usize) -> Event {
    Event::RunStarted {
        run: Box::new(settings(questions)),
        provenance: Box::new(provenance(questions)),
    }
}

fn settings(questions: usize) -> RunSettings {
    RunSettings {
        suite: "vqa".to_owned(),
        models: vec![tiny(), "smolvlm_2b".to_owned()],
        questions,
        max_tokens: 32,
        temperature: 0.0,
        top_p: 1.0,
        load: LoadOptions::default(),
        cleanup: CleanupSchedule::EveryQuestions(5),
        limits: MemoryLimits::default(),
        load_limit_ms: 600_000,
        question_limit_ms: 120_000,
        context: None,
    }
}

fn provenance(questions: usize) -> Provenance {
    Provenance {
        tool_version: "0.1.0".to_owned(),
        git_revision: Some("d7e953e".to_owned()),
        mlx_rs_version: "0.33.0".to_owned(),
        command: vec!["vlm-test".to_owned(), "vqa".to_owned()],
        seed: 7,
        machine: Machine {
            chip: Some("Apple M3".to_owned()),
            architecture: "arm64".to_owned(),
            memory_bytes: Some(17_179_869_184),
            os: Some("Darwin".to_owned()),
            os_version: Some("15.1".to_owned()),
        },
        dataset: DatasetProvenance {
            name: "shapes".to_owned(),
            root: "datasets/shapes".to_owned(),
            split: "test".to_owned(),
            total_questions: 400,
            selected_questions: questions,
            questions_sha256: Some("aa".repeat(32)),
            annotations_sha256: Some("bb".repeat(32)),
        },
    }
}

fn model_started() -> Event {
    let model = ModelUnderTest {
        name: tiny(),
        repository: Some("example/smolvlm_tiny".to_owned()),
        revision: Some("main".to_owned()),
        path: "models/smolvlm_tiny".to_owned(),
    };
    Event::ModelStarted { model }
}

fn loaded() -> Event {
    let loaded = Loaded {
        model_type: "smolvlm".to_owned(),
        load_ms: 80.5,
        baseline_bytes: 4_200_000,
        budget_bytes: 12 << 30,
        mlx_version: Some("0.32.2".to_owned()),
        device: Some("gpu".to_owned()),
        template_sha256: Some("cc".repeat(32)),
        precision: Some("float32".to_owned()),
    };
    Event::ModelLoaded { model: tiny(), loaded: Box::new(loaded) }
}

fn asked(position: usize) -> Event {
    Event::QuestionStarted { model: tiny(), position, question_id: 1000 + position as u64 }
}

fn ended(status: ModelStatus) -> Event {
    let checkpoint_digest = Some("dd".repeat(32));
    Event::ModelFinished { model: tiny(), checkpoint_digest, status, reason: None }
}

fn cleaned_up(before_question: Option<usize>, error: Option<&str>) -> Event {
    let reason =
        if before_question.is_some() { CleanupReason::Scheduled } else { CleanupReason::ModelEnd };
    let record = CleanupRecord {
        before_question,
        reason,
        freed_bytes: 2_500_000,
        active_after_bytes: 4_200_000,
        cache_after_bytes: if error.is_some() { 12 } else { 0 },
        duration_ms: 1.25,
        level: Level::Normal,
        passes: 1,
        steps: before_question.map(|_| Relief::TrimmedHeap).into_iter().collect(),
        error: error.map(str::to_owned),
    };
    Event::CleanedUp { model: tiny(), record }
}

fn outcome(position: usize) -> Outcome {
    match position {
        4 => Outcome::Empty { raw: " \n".to_owned() },
        5 => Outcome::Error { message: "5.png: the file is empty".to_owned(), cause: Cause::Image },
        6 => Outcome::TimedOut { limit_ms: 120_000 },
        7 => Outcome::Crashed(Box::new(Death {
            cause: DeathCause::OutOfMemory,
            signal: Some(9),
            exit_code: None,
            phase: Some(Phase::Prefill),
            evidence: "signal 9, SIGKILL".to_owned(),
            detail: "loading".to_owned(),
        })),
        8 => Outcome::Skipped { reason: "the worker crashed twice".to_owned() },
        _ => answered(if position == 3 { 0.3 } else { 1.0 }),
    }
}

/// How the first attempts at the second and third question ended.
fn earlier(position: usize) -> Vec<Outcome> {
    let refused = || Outcome::Error {
        message: "stopped at 1.9 GB of 2.0 GB".to_owned(),
        cause: Cause::Memory,
    };
    match position {
        2 => vec![outcome(7)],
        3 => vec![refused()],
        _ => Vec::new(),
    }
}

/// An answer worth `official`, more to the other scorers.
pub(crate) fn answered(official: f64) -> Outcome {
    Outcome::Answered {
        raw: "Red.".to_owned(),
        finish_reason: FinishReason::Stop,
        judgement: Judgement::Vqa(Scored {
            extracted: "Red".to_owned(),
            normalised: "red".to_owned(),
            scores: VqaScores {
                official,
                normalised: 1.0,
                soft3: 1.0,
                exact_match: official.floor(),
                official_unextracted: 0.0,
            },
        }),
    }
}

fn finished(position: usize, outcome: Outcome) -> Event {
    Event::QuestionFinished { model: tiny(), result: Box::new(question(position, outcome)) }
}

/// A question with `outcome`; figures only where a generation finished.
pub(crate) fn question(position: usize, outcome: Outcome) -> QuestionResult {
    let generated = matches!(outcome, Outcome::Answered { .. } | Outcome::Empty { .. });
    let (place, even) = (position as f64, position.is_multiple_of(2));
    QuestionResult {
        position,
        question_id: 1000 + position as u64,
        image: Some(format!("datasets/shapes/images/{position}.png")),
        image_sha256: Some("ee".repeat(32)),
        question: "what color is the circle?".to_owned(),
        about: About::Vqa(AboutVqa {
            image_id: position as u64,
            prompt_suffix: "Answer with a single word.".to_owned(),
            question_type: if even { "how many" } else { "what color" }.to_owned(),
            answer_type: if even { "number" } else { "other" }.to_owned(),
            references: ["red"; 7]
                .iter()
                .chain(&["dark red"; 3])
                .map(ToString::to_string)
                .collect(),
        }),
        outcome,
        earlier: earlier(position),
        usage: generated.then_some(Usage {
            prompt_tokens: 90,
            image_tokens: 64,
            cached_tokens: 10,
            completion_tokens: 2,
            prefill_chunk: 512,
        }),
        timings_ms: generated.then_some(Timings {
            preprocess: 3.0,
            vision: 8.0 + place,
            prefill: 20.0,
            decode: 10.0,
            time_to_first_token: 31.0 + place,
            tokens_per_second: Some(200.0 + place),
        }),
        memory: generated.then_some(QuestionMemory {
            baseline_bytes: 4_200_000,
            active_before_bytes: 4_200_000,
            cache_before_bytes: 500_000,
            active_bytes: 4_200_000 + position as u64,
            cache_bytes: 1_000_000,
            peak_bytes: 9_000_000 + position as u64,
            peak_delta_bytes: 4_800_000 + position as u64,
            held_bytes: 0,
        }),
        wall_ms: 45.5,
    }
}

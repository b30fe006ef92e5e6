//! Runs that asked the same ten questions seven times: one that stays flat and one that leaks.

use super::{answered, entries, loaded, model_started, question, sampled, settings, tiny};
use crate::{
    memory::{
        CleanupSchedule, MemorySample,
        leak::{LeakAlarm, Series},
    },
    results::{
        About, AboutSoak, Entry, Event, ModelStatus, Outcome, QuestionResult, RunStatus,
        figures::SOAK,
    },
};

const ROUND: usize = 10;
const QUESTIONS: usize = 70;
const MB: u64 = 1_000_000;

/// Warms up, gets a little larger once, and answers the same in every round.
pub(crate) fn soaked_run() -> Vec<Entry> {
    let flat = |question: usize, sample: &mut MemorySample| {
        let warm = question.min(15) as u64 * MB;
        sample.process.footprint_bytes = sample.process.footprint_bytes.map(|it| it + warm);
        let larger = if question > 40 { 20 * MB } else { 0 };
        sample.process.resident_bytes = sample.process.resident_bytes.map(|it| it + larger);
    };
    run(10 * MB, flat, |_| answered(1.0), None)
}

/// Leaks a megabyte and a descriptor a question, and says something else in round four.
pub(crate) fn leaking_run() -> Vec<Entry> {
    let leaking = |question: usize, sample: &mut MemorySample| {
        sample.allocator.active_bytes += question as u64 * MB;
        sample.process.footprint_bytes =
            sample.process.footprint_bytes.map(|it| it + question as u64 * MB);
        sample.process.resident_bytes = None;
        sample.process.descriptors = sample.process.descriptors.map(|it| it + question as u64);
    };
    let said = |position: usize| match (answered(1.0), position) {
        (Outcome::Answered { finish_reason, judgement, .. }, 37) => {
            Outcome::Answered { raw: "Green.".to_owned(), finish_reason, judgement }
        }
        (outcome, _) => outcome,
    };
    let (series, question) = (Series::Active, 60);
    let alarm = LeakAlarm { series, question, per_question: MB as f64, lower: MB as f64 };
    run(MB / 2, leaking, said, Some(alarm))
}

fn run(
    max_growth_bytes: u64,
    memory: impl Fn(usize, &mut MemorySample),
    said: impl Fn(usize) -> Outcome,
    alarm: Option<LeakAlarm>,
) -> Vec<Entry> {
    let mut run = settings(QUESTIONS);
    (run.suite, run.cleanup) = (SOAK.to_owned(), CleanupSchedule::EveryQuestions(5));
    run.max_growth_bytes = Some(max_growth_bytes);
    let provenance = Box::new(super::provenance(ROUND));
    let mut events =
        vec![Event::RunStarted { run: Box::new(run), provenance }, model_started(), loaded()];
    for position in 1..=QUESTIONS {
        let question_id = position as u64;
        events.push(Event::QuestionStarted { model: tiny(), position, question_id });
        if position > 5 && position % 5 == 1 {
            events.push(super::cleaned_up(Some(position), None));
        }
        let mut sample = sampled::sample(position);
        memory(position, &mut sample);
        events.push(Event::MemorySampled { model: tiny(), sample: Box::new(sample) });
        if let Some(alarm) = alarm.filter(|alarm| alarm.question == position) {
            events.push(Event::LeakSuspected { model: tiny(), alarm });
        }
        let result = Box::new(asked(position, said(position)));
        events.push(Event::QuestionFinished { model: tiny(), result });
    }
    events.push(super::cleaned_up(None, None));
    events.push(super::ended(ModelStatus::Completed));
    events.push(Event::RunFinished { status: RunStatus::Completed });
    entries(events)
}

fn asked(position: usize, outcome: Outcome) -> QuestionResult {
    let (round, place) = ((position - 1) / ROUND + 1, (position - 1) % ROUND);
    QuestionResult {
        question_id: position as u64,
        image: Some(format!("datasets/shapes/images/{place}.png")),
        about: About::Soak(AboutSoak {
            round,
            repeats: 1000 + place as u64,
            prompt_suffix: "Answer with a single word.".to_owned(),
        }),
        ..question(position, outcome)
    }
}

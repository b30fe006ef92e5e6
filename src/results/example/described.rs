//! A run that had images described.

use super::{entries, loaded, model_started, question, settings, tiny};
use crate::{
    memory::CleanupSchedule,
    results::{
        About, AboutDescription, Described, Entry, Event, Judgement, ModelStatus, Outcome,
        QuestionResult, RunStatus, Subject, figures::DESCRIBE,
    },
    scoring::description::{Checks, Fact, mentioned},
    vlm::FinishReason,
};

const PROMPT: &str = "Describe this image, please.";

/// Five images, the third cut off, and two prompts without one.
pub(crate) fn described_run() -> Vec<Entry> {
    let mut run = settings(7);
    (run.suite, run.cleanup) = (DESCRIBE.to_owned(), CleanupSchedule::EveryImages(3));
    let provenance = Box::new(super::provenance(5));
    let mut events =
        vec![Event::RunStarted { run: Box::new(run), provenance }, model_started(), loaded()];
    let questions = [
        image(1, said("A red circle on white.")),
        image(2, said("A blue star.")),
        image(3, said_within_limit("A red cir")),
        image(4, said("A blue star.")),
        image(5, Outcome::Empty { raw: String::new() }),
        text_only(6, said("Paris.")),
        text_only(7, said("I see.")),
    ];
    for result in questions {
        let (position, question_id) = (result.position, result.question_id);
        events.push(Event::QuestionStarted { model: tiny(), position, question_id });
        if position == 4 {
            events.push(super::cleaned_up(Some(4), None));
        }
        events.push(Event::QuestionFinished { model: tiny(), result: Box::new(result) });
    }
    events.push(super::cleaned_up(None, None));
    events.push(super::ended(ModelStatus::Completed));
    events.push(Event::RunFinished { status: RunStatus::Completed });
    entries(events)
}

/// Image number `position` of a run, known to hold a circle, red if the number is odd, else blue.
pub(crate) fn image(position: usize, outcome: Outcome) -> QuestionResult {
    let facts = facts(position);
    QuestionResult {
        question: PROMPT.to_owned(),
        image_sha256: Some(format!("{position:064}")),
        about: About::Description(AboutDescription { subject: Subject::Image, facts }),
        outcome: searched(outcome, position),
        ..question(position, Outcome::Empty { raw: String::new() })
    }
}

/// A prompt without an image, to be answered with Paris.
pub(crate) fn text_only(position: usize, outcome: Outcome) -> QuestionResult {
    let mut result = question(position, outcome);
    (result.image, result.image_sha256) = (None, None);
    "What is the capital of France?".clone_into(&mut result.question);
    let facts = vec![fact(&result.question, "Paris")];
    if let Outcome::Answered { raw, judgement: Judgement::Description(described), .. } =
        &mut result.outcome
    {
        described.mentioned = mentioned(raw, &facts);
    }
    result.about = About::Description(AboutDescription { subject: Subject::TextOnly, facts });
    result
}

/// A reply that ended by itself, checked.
pub(crate) fn said(text: &str) -> Outcome {
    reply(text, FinishReason::Stop)
}

fn said_within_limit(text: &str) -> Outcome {
    reply(text, FinishReason::Length)
}

fn reply(text: &str, finish_reason: FinishReason) -> Outcome {
    let checks = Checks::of(text, &[PROMPT], finish_reason == FinishReason::Length).unwrap();
    let judgement = Judgement::Description(Described { checks, mentioned: Vec::new() });
    Outcome::Answered { raw: text.to_owned(), finish_reason, judgement }
}

fn searched(mut outcome: Outcome, position: usize) -> Outcome {
    if let Outcome::Answered { raw, judgement: Judgement::Description(described), .. } =
        &mut outcome
    {
        described.mentioned = mentioned(raw, &facts(position));
    }
    outcome
}

fn facts(position: usize) -> Vec<Fact> {
    let colour = if position.is_multiple_of(2) { "blue" } else { "red" };
    vec![fact("What shape is it?", "circle"), fact("What color is it?", colour)]
}

fn fact(question: &str, answer: &str) -> Fact {
    Fact { question: question.to_owned(), stated_by: vec![answer.to_owned()] }
}

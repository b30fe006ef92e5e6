//! A run that recalled photos from memory.

use super::{entries, loaded, model_started, question, settings, tiny};
use crate::{
    memory::CleanupSchedule,
    results::{
        About, AboutRecall, ContextSettings, Entry, Event, HistoryCheck, Judgement, ModelStatus,
        Outcome, Part, QuestionResult, RecallJudgement, RunStatus, figures::RECALL,
    },
    scoring::context::{Condition, RecallTopic, Said, agreement, contradicts},
    vlm::FinishReason,
};

const DESCRIBE: &str = "Describe this image in extreme detail.";
const QUESTIONS: [(RecallTopic, &str); 3] = [
    (RecallTopic::Colours, "What are the most prominent colors in the image?"),
    (RecallTopic::People, "Are there any people in the image?"),
    (RecallTopic::Scene, "Summarize the scene in one sentence."),
];
/// Of each photo: the description, the answers at once, the answers after a turn.
const REPLIES: [(&str, [&str; 3], [&str; 3]); 2] = [
    (
        "A man in a red coat walks two dogs over grey snow.\nBehind them stands a dark forest; \
         its trees are bare, and the sky above them is as white as the ground. One of the dogs \
         looks back at the man, the other one pulls at its leash and looks at something that \
         cannot be seen, perhaps a bird or another dog further down the path.",
        ["Red, grey and blue.", "Yes.", "A man walks his dogs in the snow."],
        ["Green.", "Yes.", "A man walks his dogs in the snow."],
    ),
    (
        "An empty beach under a blue sky \u{1b}[31m.",
        ["Blue.", "No.", "Summarize the scene in one sentence."],
        ["Blue.", "Yes, someone.", ""],
    ),
];

/// Two photos, recalled at once and after one turn.
pub(crate) fn recalled_run() -> Vec<Entry> {
    let mut questions = Vec::new();
    for (photo, replies) in (1..).zip(REPLIES) {
        push_photo(&mut questions, photo, replies);
    }
    let mut run = settings(questions.len());
    (run.suite, run.cleanup) = (RECALL.to_owned(), CleanupSchedule::EveryImages(3));
    run.context = Some(ContextSettings {
        scenarios: REPLIES.len(),
        facts: 0,
        conditions: vec![Condition::A],
        distractors: vec![0, 1],
    });
    let provenance = Box::new(super::provenance(REPLIES.len()));
    let mut events =
        vec![Event::RunStarted { run: Box::new(run), provenance }, model_started(), loaded()];
    for result in questions {
        let (position, question_id) = (result.position, result.question_id);
        events.push(Event::QuestionStarted { model: tiny(), position, question_id });
        events.push(Event::QuestionFinished { model: tiny(), result: Box::new(result) });
    }
    events.push(super::cleaned_up(None, None));
    events.push(super::ended(ModelStatus::Completed));
    events.push(Event::RunFinished { status: RunStatus::Completed });
    entries(events)
}

fn push_photo(
    questions: &mut Vec<QuestionResult>,
    photo: u64,
    (description, at_once, later): (&str, [&str; 3], [&str; 3]),
) {
    let about =
        AboutRecall { photo, part: Part::Describe, distractors: 0, topic: None, again: false };
    let mut push = |about, asked: &str, reply: &str, judged: RecallJudgement| {
        questions.push(step(questions.len() + 1, about, asked, reply, judged));
    };
    push(about, DESCRIBE, description, judged(DESCRIBE, description));
    let answer = |place: usize, reply: &str, distractors| {
        let (topic, asked) = QUESTIONS[place];
        let (again, first) = (distractors > 0, at_once[place]);
        let says = Said::of(reply, asked) == Said::Something;
        let judged = RecallJudgement {
            agreement: agreement(topic, asked, reply, description).filter(|_| says),
            contradicts: contradicts(topic, first, reply).filter(|_| says && again),
            ..judged(asked, reply)
        };
        let topic = Some(topic);
        (AboutRecall { part: Part::Probe, distractors, topic, again, ..about }, asked, judged)
    };
    for (place, reply) in at_once.iter().enumerate() {
        let (about, asked, judged) = answer(place, reply, 0);
        push(about, asked, reply, judged);
    }
    let said = "Paris.";
    push(
        AboutRecall { part: Part::Turn, ..about },
        "What is the capital of France?",
        said,
        judged("", said),
    );
    for (place, reply) in later.iter().enumerate() {
        let (about, asked, judged) = answer(place, reply, 1);
        push(about, asked, reply, judged);
    }
    let (again, asked, judged) = answer(0, later[0], 1);
    let judged = RecallJudgement { same_again: Some(true), ..judged };
    push(AboutRecall { part: Part::Repeat, ..again }, asked, later[0], judged);
}

fn judged(asked: &str, reply: &str) -> RecallJudgement {
    let turns_found = Some(3);
    let history =
        HistoryCheck { turns: 3, turns_found, images: 1, images_found: 1, images_match: true };
    RecallJudgement {
        said: Said::of(reply, asked),
        agreement: None,
        contradicts: None,
        same_again: None,
        history,
    }
}

fn step(
    position: usize,
    about: AboutRecall,
    asked: &str,
    reply: &str,
    judged: RecallJudgement,
) -> QuestionResult {
    let outcome = Outcome::Answered {
        raw: reply.to_owned(),
        finish_reason: FinishReason::Stop,
        judgement: Judgement::Recall(judged),
    };
    let photo = about.photo;
    QuestionResult {
        question: asked.to_owned(),
        image: Some(format!("photos/{photo}.png")),
        image_sha256: Some(format!("{photo:064}")),
        about: About::Recall(about),
        outcome,
        ..question(position, Outcome::Empty { raw: String::new() })
    }
}

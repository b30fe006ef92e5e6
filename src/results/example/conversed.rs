//! Context tests: one of a model that forgets a little, and one of a model that sees nothing.

use super::{
    cleaned_up, ended, entries, loaded, model_started, provenance, question, settings, tiny,
};
use crate::{
    memory::CleanupSchedule,
    results::{
        About, AboutContext, AskedFact, ContextJudgement, ContextSettings, Entry, Event,
        HistoryCheck, Judgement, ModelStatus, Outcome, Part, QuestionResult, RunStatus,
        figures::CONTEXT,
    },
    scoring::context::{Condition, Parse},
    vlm::FinishReason,
};

const SCENARIOS: usize = 3;
const FACTS: usize = 4;
const TURNS: [usize; 2] = [0, 1];

/// What a model writes to a fact: the place of an option, or none of them.
type Answers = fn(&Probe) -> Option<usize>;

/// A fact under a history.
#[derive(Clone, Copy)]
struct Probe {
    scenario: usize,
    fact: usize,
    condition: Condition,
    turns: usize,
}

/// Sees everything, and has forgotten the last fact of two images after a turn; once it
/// remembers what was not there. Its descriptions leave the last fact out.
pub(crate) fn conversed_run() -> Vec<Entry> {
    let answers = |probe: &Probe| {
        let (right, last) = (probe.right(), probe.fact + 1 == FACTS);
        match probe.condition {
            Condition::A if probe.turns > 0 && last && probe.scenario > 0 => None,
            Condition::A if probe.turns > 0 && probe.is_absent() && probe.scenario == 0 => Some(0),
            Condition::S | Condition::A | Condition::E => Some(right),
            Condition::B => (!last).then_some(right),
            Condition::N => None,
            Condition::X => Some(0),
        }
    };
    run(answers, |scenario| format!("A picture with number {scenario} on red."), 0)
}

/// Says the first option, whatever it is shown, and the same of every image; the last step is
/// missing.
pub(crate) fn blind_run() -> Vec<Entry> {
    run(|_| Some(0), |_| "A picture.".to_owned(), 1)
}

fn run(answers: Answers, describes: fn(usize) -> String, missing: usize) -> Vec<Entry> {
    let mut steps: Vec<_> =
        (0..SCENARIOS).flat_map(|scenario| scenario_steps(scenario, answers, describes)).collect();
    let planned = steps.len();
    steps.truncate(planned - missing);
    let mut run = settings(planned);
    (run.suite, run.cleanup) = (CONTEXT.to_owned(), CleanupSchedule::EveryImages(3));
    run.context = Some(ContextSettings {
        scenarios: SCENARIOS,
        facts: SCENARIOS * FACTS,
        conditions: Condition::ALL.to_vec(),
        distractors: TURNS.to_vec(),
    });
    let provenance = Box::new(provenance(SCENARIOS * FACTS));
    let mut events =
        vec![Event::RunStarted { run: Box::new(run), provenance }, model_started(), loaded()];
    for (position, mut result) in (1..).zip(steps) {
        (result.position, result.question_id) = (position, position as u64);
        let question_id = result.question_id;
        events.push(Event::QuestionStarted { model: tiny(), position, question_id });
        events.push(Event::QuestionFinished { model: tiny(), result: Box::new(result) });
    }
    events.push(cleaned_up(None, None));
    events.push(ended(ModelStatus::Completed));
    events.push(Event::RunFinished { status: RunStatus::Completed });
    entries(events)
}

fn scenario_steps(
    scenario: usize,
    answers: Answers,
    describes: fn(usize) -> String,
) -> Vec<QuestionResult> {
    let facts = |condition, turns| {
        let probe = move |fact| Probe { scenario, fact, condition, turns };
        (0..FACTS).map(move |fact| probed(Part::Probe, probe(fact), answers))
    };
    let mut steps: Vec<_> = facts(Condition::S, 0).collect();
    steps.push(said(scenario, Part::Describe, &describes(scenario)));
    steps.extend(facts(Condition::A, 0));
    steps.push(said(scenario, Part::Turn, "Paris."));
    steps.extend(facts(Condition::A, 1));
    let again = Probe { scenario, fact: 0, condition: Condition::A, turns: 1 };
    steps.push(probed(Part::Repeat, again, answers));
    for (condition, turns) in
        [(Condition::B, 1), (Condition::E, 1), (Condition::N, 0), (Condition::X, 0)]
    {
        steps.extend(facts(condition, turns));
    }
    steps
}

impl Probe {
    fn right(self) -> usize {
        if self.is_absent() { 1 } else { (self.fact + self.scenario) % 2 }
    }

    fn is_absent(self) -> bool {
        self.fact == 1
    }

    fn asked(self) -> AskedFact {
        let options = if self.is_absent() { ["yes", "no"] } else { ["red", "blue"] };
        AskedFact {
            id: (1000 * (self.scenario + 1) + self.fact) as u64,
            topic: if self.is_absent() { "presence" } else { "colour" }.to_owned(),
            options: options.map(str::to_owned).to_vec(),
            expected: self.right(),
            absent: self.is_absent().then_some(true),
        }
    }
}

fn probed(part: Part, probe: Probe, answers: Answers) -> QuestionResult {
    let (asked, answer) = (probe.asked(), answers(&probe));
    let raw = answer.map_or("I see.", |option| asked.options[option].as_str()).to_owned();
    let judgement = ContextJudgement {
        parse: Some(answer.map_or(Parse::Unparsed, |option| Parse::Chosen { option })),
        correct: Some(answer == Some(asked.expected)),
        weighed: answer.or(Some(0)),
        option_logprobs: vec![-0.5, -1.5],
        claimed: (probe.fact == 0).then_some(asked.expected),
        same_again: (part == Part::Repeat).then_some(true),
        history: history(if probe.condition.is_conversation() { 3 + 2 * probe.turns } else { 1 }),
    };
    let about = AboutContext {
        scenario: probe.scenario as u64 + 1,
        part,
        condition: Some(probe.condition),
        distractors: probe.turns,
        fact: Some(asked),
    };
    let mut result = step(about, raw, judgement);
    "What color is it?".clone_into(&mut result.question);
    if matches!(probe.condition, Condition::B | Condition::E | Condition::N) {
        (result.image, result.image_sha256) = (None, None);
    }
    result
}

/// A turn of the conversation itself.
fn said(scenario: usize, part: Part, reply: &str) -> QuestionResult {
    let judgement = ContextJudgement {
        parse: None,
        correct: None,
        weighed: None,
        option_logprobs: Vec::new(),
        claimed: None,
        same_again: None,
        history: history(if part == Part::Describe { 1 } else { 3 }),
    };
    let about = AboutContext {
        scenario: scenario as u64 + 1,
        part,
        condition: None,
        distractors: 0,
        fact: None,
    };
    step(about, reply.to_owned(), judgement)
}

fn history(turns: usize) -> HistoryCheck {
    HistoryCheck { turns, turns_found: Some(turns), images: 1, images_found: 1, images_match: true }
}

fn step(about: AboutContext, raw: String, judgement: ContextJudgement) -> QuestionResult {
    let scenario = about.scenario;
    let judgement = Judgement::Context(judgement);
    let outcome = Outcome::Answered { raw, finish_reason: FinishReason::Stop, judgement };
    QuestionResult {
        image: Some(format!("results/images/scene_{scenario:05}.png")),
        image_sha256: Some(format!("{scenario:064}")),
        question: "Describe this image in detail.".to_owned(),
        about: About::Context(about),
        ..question(1, outcome)
    }
}

//! The order of a context test: which steps there are, and what each builds on.

use super::super::Replies;
use crate::{
    results::{Outcome, Part},
    scoring::context::Condition,
    vlm::Generation,
};

/// One thing that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Place of the scenario, from 0.
    pub scenario: usize,
    /// What is done.
    pub part: Part,
    /// What the history of a probe holds.
    pub condition: Option<Condition>,
    /// Turns about something else before it.
    pub distractors: usize,
    /// Place of the fact in its scenario.
    pub fact: usize,
}

/// All steps of a test, scenario by scenario, and where replies are found that others build on.
#[derive(Debug)]
pub struct Steps {
    /// In the order of the report.
    pub all: Vec<Step>,
    /// By scenario: the places in `all` of the description and of the turns, in order.
    conversations: Vec<Vec<usize>>,
}

impl Steps {
    /// The steps for `conditions` after each of the numbers of turns in `distractors`, ascending;
    /// `facts` are how many each scenario has.
    ///
    /// Single-turn probes come first. The conversation then goes on turn by turn; where it has
    /// one of the lengths its facts are asked, each from the same history. What keeps only the
    /// words of the conversation follows.
    pub fn new(
        facts: impl IntoIterator<Item = usize>,
        conditions: &[Condition],
        distractors: &[usize],
    ) -> Self {
        let mut steps = Self { all: Vec::new(), conversations: Vec::new() };
        for (scenario, facts) in facts.into_iter().enumerate() {
            steps.push_scenario(scenario, facts, conditions, distractors);
        }
        steps
    }

    /// The places of the description and of the first `turns` turns of a scenario.
    pub fn conversation(&self, scenario: usize, turns: usize) -> &[usize] {
        self.conversations.get(scenario).and_then(|all| all.get(..=turns)).unwrap_or_default()
    }

    /// The replies to the description and to the first `turns` turns of a scenario.
    ///
    /// # Errors
    /// How a step ends that builds on them where one is missing.
    pub fn heard<'a>(
        &self,
        scenario: usize,
        turns: usize,
        replies: &'a Replies,
    ) -> Result<Vec<&'a Generation>, Box<Outcome>> {
        let places = self.conversation(scenario, turns).iter().enumerate();
        places.map(|(turn, place)| replies.get(place).ok_or_else(|| incomplete(turn))).collect()
    }

    /// The place of the probe that the step at `index` repeats.
    pub fn repeated(&self, index: usize) -> Option<usize> {
        let again = self.all.get(index).filter(|step| step.part == Part::Repeat)?;
        self.earlier(index, Step { part: Part::Probe, ..*again })
    }

    /// The place of `step` before the step at `index`.
    pub fn earlier(&self, index: usize, step: Step) -> Option<usize> {
        self.all.get(..index)?.iter().rposition(|earlier| *earlier == step)
    }

    fn push_scenario(
        &mut self,
        scenario: usize,
        facts: usize,
        conditions: &[Condition],
        distractors: &[usize],
    ) {
        let has = |condition| conditions.contains(&condition);
        let step = |part, condition, distractors, fact| Step {
            scenario,
            part,
            condition,
            distractors,
            fact,
        };
        let probes = |condition, turns| {
            (0..facts).map(move |fact| step(Part::Probe, Some(condition), turns, fact))
        };
        let most = distractors.last().copied().unwrap_or_default();
        let mut conversation = Vec::new();
        if has(Condition::S) {
            self.all.extend(probes(Condition::S, 0));
        }
        if conditions.iter().any(|condition| condition.is_conversation()) {
            for turn in 0..=most {
                conversation.push(self.all.len());
                let part = if turn == 0 { Part::Describe } else { Part::Turn };
                self.all.push(step(part, None, turn.saturating_sub(1), 0));
                if has(Condition::A) && distractors.contains(&turn) {
                    self.all.extend(probes(Condition::A, turn));
                }
            }
            if has(Condition::A) && facts > 0 {
                self.all.push(step(Part::Repeat, Some(Condition::A), most, 0));
            }
        }
        for condition in [Condition::B, Condition::E] {
            if has(condition) {
                self.all.extend(probes(condition, most));
            }
        }
        for condition in [Condition::N, Condition::X] {
            if has(condition) {
                self.all.extend(probes(condition, 0));
            }
        }
        self.conversations.push(conversation);
    }
}

fn incomplete(turn: usize) -> Box<Outcome> {
    let what = if turn == 0 {
        "the image was not described".to_owned()
    } else {
        format!("turn {turn} has no reply")
    };
    Box::new(Outcome::Skipped {
        reason: format!("the conversation before it is incomplete: {what}"),
    })
}

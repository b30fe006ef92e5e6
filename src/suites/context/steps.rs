//! The order of a context test: which steps there are, and what each builds on.

use crate::{dataset::scenario::Scenario, results::Part, scoring::context::Condition};

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
    /// The steps for `conditions` after each of the numbers of turns in `distractors`, ascending.
    ///
    /// Single-turn probes come first. The conversation then goes on turn by turn; where it has
    /// one of the lengths its facts are asked, each from the same history. What keeps only the
    /// words of the conversation follows.
    pub fn new(scenarios: &[Scenario], conditions: &[Condition], distractors: &[usize]) -> Self {
        let mut steps = Self { all: Vec::new(), conversations: Vec::new() };
        for (index, scenario) in scenarios.iter().enumerate() {
            steps.push_scenario(index, scenario, conditions, distractors);
        }
        steps
    }

    /// The places of the description and of the first `turns` turns of a scenario.
    pub fn conversation(&self, scenario: usize, turns: usize) -> &[usize] {
        self.conversations.get(scenario).and_then(|all| all.get(..=turns)).unwrap_or_default()
    }

    /// The place of the probe that the step at `index` repeats.
    pub fn repeated(&self, index: usize) -> Option<usize> {
        let again = self.all.get(index).filter(|step| step.part == Part::Repeat)?;
        let first = Step { part: Part::Probe, ..*again };
        self.all[..index].iter().rposition(|step| *step == first)
    }

    fn push_scenario(
        &mut self,
        index: usize,
        scenario: &Scenario,
        conditions: &[Condition],
        distractors: &[usize],
    ) {
        let facts = scenario.facts.len();
        let has = |condition| conditions.contains(&condition);
        let step = |part, condition, distractors, fact| Step {
            scenario: index,
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

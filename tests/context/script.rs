//! Scripts of models that see, read and remember as much as a test wants, from the same scenes
//! that the program draws.

use std::fmt::Write as _;

use serde_json::Value;
use vlm_test::{
    dataset::scenario::{Fact, Scenario, SceneOptions, scenes},
    suites::context::DESCRIBE,
};

use crate::support::{Place, Run};

/// A run of the program on some scenes.
#[derive(Clone, Copy)]
pub struct Test {
    pub scenarios: usize,
    pub facts: usize,
    /// As on the command line, and the most of them.
    pub distractors: (&'static str, usize),
}

/// Three images with four facts each, asked at once and after two turns.
pub const SMALL: Test = Test { scenarios: 3, facts: 4, distractors: ("0,2", 2) };

impl Test {
    /// What the program draws for it.
    pub fn scenes(&self) -> Vec<Scenario> {
        let Self { scenarios, facts, distractors: (_, distractors) } = *self;
        scenes(&SceneOptions { seed: 0, scenarios, facts, distractors }).unwrap()
    }

    pub fn arguments(&self, model: &str) -> Vec<String> {
        let (scenarios, facts) = (self.scenarios.to_string(), self.facts.to_string());
        let arguments = [
            ["--scenarios", &scenarios],
            ["--facts", &facts],
            ["--distractors", self.distractors.0],
            ["--output", "out"],
            ["--models", model],
        ];
        ["context"].iter().chain(arguments.iter().flatten()).map(ToString::to_string).collect()
    }

    /// Puts it to the model that `script` makes of its scenes.
    pub fn run(&self, script: impl FnOnce(&[Scenario]) -> Script, more: &[&str]) -> (Run, Place) {
        let place = Place::new();
        let model = place.scripted("model", script(&self.scenes()).text());
        let arguments = self.arguments(&model);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(more.to_vec()).collect();
        (place.run(&arguments), place)
    }
}

/// What a model says, by what it was shown and told; what comes first counts.
pub struct Script(String);

impl Script {
    /// Says `otherwise` to all that nothing below is about.
    pub fn new(otherwise: &str) -> Self {
        Self(format!("default = {otherwise:?}\n"))
    }

    /// Sees and reads everything and forgets nothing.
    pub fn of_perfect_memory(scenes: &[Scenario]) -> Self {
        Self::new("Of course.").describing(scenes).knowing("image", scenes).reading(scenes)
    }

    /// A model that never gets `what` it is sent.
    pub fn losing(mut self, what: &str) -> Self {
        self.0 = format!("loses = '{what}'\n{}", self.0);
        self
    }

    /// An answer for chats of which each of `conditions` holds.
    pub fn with(mut self, conditions: &[(&str, &str)], answer: &str) -> Self {
        self.0 += "[[answer]]\n";
        for (condition, part) in conditions {
            writeln!(self.0, "{condition} = {part:?}").unwrap();
        }
        self.0 += answer;
        self.0.push('\n');
        self
    }

    pub fn saying(self, conditions: &[(&str, &str)], text: &str) -> Self {
        self.with(conditions, &format!("text = {text:?}"))
    }

    /// Describes every image truly.
    pub fn describing(self, scenes: &[Scenario]) -> Self {
        scenes.iter().fold(self, |script, scene| {
            script.saying(&[("shown", &image(scene)), ("question", DESCRIBE)], &scene.gold)
        })
    }

    /// Answers every fact rightly whose image is `seen`: `shown` now, or an `image` of any turn.
    pub fn knowing(self, seen: &str, scenes: &[Scenario]) -> Self {
        scenes.iter().fold(self, |script, scene| script.answering((seen, &image(scene)), scene))
    }

    /// Answers every fact rightly whose image was described truly before.
    pub fn reading(self, scenes: &[Scenario]) -> Self {
        scenes.iter().fold(self, |script, scene| script.answering(("history", &scene.gold), scene))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    fn answering(self, condition: (&str, &str), scene: &Scenario) -> Self {
        scene.facts.iter().fold(self, |script, fact| {
            script.saying(&[condition, ("question", &fact.question)], right(fact))
        })
    }
}

/// The file of a scene.
pub fn image(scene: &Scenario) -> String {
    format!("scene_{:05}.png", scene.id)
}

pub fn right(fact: &Fact) -> &str {
    &fact.options[fact.answer]
}

/// The figures of the only model.
pub fn figures(place: &Place) -> Value {
    place.results()["models"][0]["summary"]["context"].clone()
}

/// The checks that failed, by name.
pub fn failed_checks(figures: &Value) -> Vec<&str> {
    let validity = figures["validity"].as_array().unwrap();
    validity.iter().map(|reason| reason["check"].as_str().unwrap()).collect()
}

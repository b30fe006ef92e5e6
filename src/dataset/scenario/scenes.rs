//! Scenarios from seeded scenes. What is asked is decided first, then scenes are tried in turn until one has it all.

use std::{collections::HashSet, ops::RangeInclusive};

use super::{
    super::{
        error::DatasetError,
        synthetic::{Dice, Scene, describe},
    },
    Fact, Scenario, ScenarioImage,
    distractors::distractors,
    facts::{Ask, Group, MOST, fact},
};

/// How many scenarios a run may have.
pub const SCENARIOS: RangeInclusive<usize> = 1..=10_000;

/// How many facts a scenario may have: each topic once, and presence both ways.
pub const FACTS: RangeInclusive<usize> = 1..=8;

/// The first scene tried: beyond the scenes that `synthetic::write_dataset` writes for any seed, so that no model was
/// trained on what is shown here.
const FIRST_SCENE: u64 = 1 << 20;

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SceneOptions {
    /// Decides everything; the scenarios of a smaller run are the first of a larger one.
    pub seed: u64,
    /// How many scenarios, within [`SCENARIOS`].
    pub scenarios: usize,
    /// How many facts each, within [`FACTS`].
    pub facts: usize,
    /// How many distracting turns each.
    pub distractors: usize,
}

/// Draws scenarios, no two of which are described alike.
///
/// From two facts on, each scenario asks for one thing that is present and one that is absent; the other facts go in
/// turns through colour, count, text (a digit), relation, position and shape. The order of a scenario's facts is
/// rotated by one place from each to the next. Of every topic, no answer is more frequent than another, whatever the
/// wording of the question.
///
/// # Errors
/// [`DatasetError::Scenarios`] or [`DatasetError::Facts`] for a number out of range.
pub fn scenes(options: &SceneOptions) -> Result<Vec<Scenario>, DatasetError> {
    if !SCENARIOS.contains(&options.scenarios) {
        return Err(DatasetError::Scenarios(options.scenarios));
    }
    if !FACTS.contains(&options.facts) {
        return Err(DatasetError::Facts(options.facts));
    }
    let mut indices = FIRST_SCENE..;
    let mut described = HashSet::with_capacity(options.scenarios);
    let mut scenarios = Vec::with_capacity(options.scenarios);
    for id in (1_u64..).take(options.scenarios) {
        let asks = asks(options, id);
        let found = indices.find_map(|index| {
            let (scene, facts) = answered(options.seed, index, id, &asks)?;
            let gold = describe(&scene);
            described.insert(gold.clone()).then_some((scene, facts, gold))
        });
        scenarios.extend(found.map(|(scene, facts, gold)| Scenario {
            id,
            image: ScenarioImage::Drawn(scene),
            gold,
            facts,
            distractors: distractors(options.seed, id, options.distractors),
        }));
    }
    Ok(scenarios)
}

/// What scenario `id` asks.
fn asks(options: &SceneOptions, id: u64) -> Vec<Ask> {
    const TOPICS: usize = 6;
    let dice = &mut Dice::new(options.seed, u64::MAX - 2 * id - 1);
    let turn = (id - 1) as usize;
    if options.facts == 1 {
        return vec![match turn % (TOPICS + 1) {
            TOPICS => presence(turn / (TOPICS + 1) % 2 == 1, dice),
            topic => other(topic, dice),
        }];
    }
    let others = options.facts - 2;
    let mut asks = vec![presence(false, dice), presence(true, dice)];
    asks.extend((0..others).map(|k| other((turn * others + k) % TOPICS, dice)));
    // The second term keeps a topic from coming at the same place whenever its turn comes.
    asks.rotate_left((turn + turn / TOPICS) % options.facts);
    asks
}

fn presence(absent: bool, dice: &mut Dice) -> Ask {
    let of = [Group::Colour, Group::Kind, Group::Look][dice.below(3)];
    Ask::Presence { absent, of }
}

fn other(topic: usize, dice: &mut Dice) -> Ask {
    match topic {
        0 => Ask::Colour,
        1 => {
            let of = if dice.percent(50) { Group::Colour } else { Group::Kind };
            Ask::Count { number: dice.below(MOST + 1), of }
        }
        2 => Ask::Text,
        3 => Ask::Relation,
        4 => Ask::Position,
        _ => Ask::Shape,
    }
}

/// The scene `index` with the facts that are asked for, if it has them and at least two objects.
fn answered(seed: u64, index: u64, id: u64, asks: &[Ask]) -> Option<(Scene, Vec<Fact>)> {
    let scene = Scene::random(seed, index);
    if scene.objects.len() < 2 {
        return None;
    }
    let mut dice = Dice::new(seed, 2 * index + 1);
    let ids = 1000 * id..;
    let facts = ids.zip(asks).map(|(id, ask)| fact(id, *ask, &scene, &mut dice));
    let facts = facts.collect::<Option<_>>()?;
    Some((scene, facts))
}

#[cfg(test)]
mod tests;

//! Turns that have nothing to do with an image.

use super::super::synthetic::Dice;

/// Everyday turns, and the words for `Say the word …`. None holds, or asks for, a colour, a shape, a place in a picture
/// or a number, which a reader of the conversation could take for a fact about the image.
const TURNS: [&str; 32] = [
    "What is the capital of France?",
    "What is the capital of Italy?",
    "What is the capital of Spain?",
    "What is the capital of Germany?",
    "What is the capital of Japan?",
    "What sound does a dog make?",
    "What sound does a cat make?",
    "What is the opposite of hot?",
    "What is the opposite of big?",
    "What is the opposite of day?",
    "Is water wet?",
    "Is fire cold?",
    "Can fish swim?",
    "Can a stone fly?",
    "Which day comes after Monday?",
    "Which month comes after May?",
    "What do bees make?",
    "What do cows give?",
    "Which planet do we live on?",
    "Name an animal.",
    "Name a city.",
    "What is a good breakfast?",
    "What is frozen water called?",
    "Which season is the coldest?",
    "How are you?",
    "Thank you.",
    "Let us talk about something else.",
    "What is your name?",
    "Who are you?",
    "Can you help me?",
    "Are you ready?",
    "Do you like music?",
];
const WORDS: [&str; 16] = [
    "river", "house", "bread", "garden", "summer", "window", "paper", "water", "letter", "teacher",
    "coffee", "island", "money", "clock", "doctor", "mother",
];

/// `count` turns for the scenario `id`, in an order of its own. Fewer are the first of more; none comes again before all
/// have come.
pub(super) fn distractors(seed: u64, id: u64, count: usize) -> Vec<String> {
    let mut dice = Dice::new(seed, u64::MAX - 2 * id);
    let mut pool: Vec<String> = TURNS.map(str::to_owned).into();
    pool.extend(WORDS.map(|word| format!("Say the word {word}.")));
    let mut turns = Vec::with_capacity(count);
    while turns.len() < count {
        dice.shuffle(&mut pool);
        turns.extend(pool.iter().take(count - turns.len()).cloned());
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{
        super::super::synthetic::{Background, Cell, Colour, Kind},
        *,
    };

    const ALL: usize = TURNS.len() + WORDS.len();

    #[test]
    fn a_turn_comes_again_only_after_all_others() {
        let turns = distractors(1, 1, 2 * ALL + 1);
        assert_eq!(turns.len(), 2 * ALL + 1);
        for round in [&turns[..ALL], &turns[ALL..2 * ALL]] {
            assert_eq!(round.iter().collect::<HashSet<_>>().len(), ALL);
        }
    }

    #[test]
    fn scenarios_are_distracted_differently_and_the_same_one_always_alike() {
        assert_eq!(distractors(1, 1, 6), distractors(1, 1, 6));
        assert_eq!(distractors(1, 1, 6), distractors(1, 1, 9)[..6]);
        let others = [distractors(1, 2, 6), distractors(2, 1, 6)];
        assert!(others.iter().all(|other| *other != distractors(1, 1, 6)));
    }

    #[test]
    fn no_turn_names_what_a_picture_may_show() {
        let names = [
            &Colour::ALL.map(Colour::name)[..],
            &Background::ALL.map(Background::name),
            &Kind::ALL.map(Kind::name),
            &Kind::ALL.map(Kind::plural),
            &["shape", "digit", "number", "image", "picture", "left", "right", "above", "below"],
            &["top", "bottom", "zero", "one", "two", "three", "how many", "color"],
        ]
        .concat();
        let places = Cell::ALL.map(Cell::name);
        for turn in distractors(0, 1, ALL) {
            let words = turn.to_lowercase();
            let words: Vec<_> = words.split(|c: char| !c.is_alphanumeric()).collect();
            let line = format!(" {} ", words.join(" "));
            for name in names.iter().chain(&places) {
                assert!(!line.contains(&format!(" {name} ")), "{turn} names {name}");
            }
            assert!(!turn.contains(|c: char| c.is_ascii_digit()), "{turn}");
        }
    }
}

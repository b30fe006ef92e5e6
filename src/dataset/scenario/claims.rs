//! How a description states a fact in so many words: lower-case phrases, each of whole words.
//!
//! They follow the words of `synthetic::describe` and the plainest variants of them. A description that says the same
//! otherwise claims nothing by this reading.

use super::super::synthetic::{Cell, Colour, Kind, Object, Scene, wording::look};

const IN_WORDS: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// The only object of its kind has this colour.
pub(super) fn colour_of_kind(colour: Colour, kind: Kind) -> Vec<String> {
    let (colour, kind) = (colour.name(), kind.name());
    vec![format!("{colour} {kind}"), format!("{kind} is {colour}")]
}

/// What lies in `cell` has this colour.
pub(super) fn colour_at(colour: Colour, cell: Cell) -> Vec<String> {
    let things = Kind::ALL.into_iter().map(Kind::name).chain(["shape"]);
    things.flat_map(|thing| placed(&format!("{} {thing}", colour.name()), cell)).collect()
}

/// The only object of its colour is of this kind.
pub(super) fn kind_of_colour(kind: Kind, colour: Colour) -> Vec<String> {
    vec![format!("{} {}", colour.name(), kind.name())]
}

/// What lies in `cell` is of this kind.
pub(super) fn kind_at(kind: Kind, cell: Cell) -> Vec<String> {
    placed(kind.name(), cell)
}

/// There are so many of the things, at most nine.
pub(super) fn count(number: usize, one: &str, many: &str) -> Vec<String> {
    let thing = if number == 1 { one } else { many };
    let word = IN_WORDS.get(number).map(|word| format!("{word} {thing}"));
    let digits = format!("{number} {thing}");
    let none = (number == 0).then(|| format!("no {many}"));
    word.into_iter().chain([digits]).chain(none).collect()
}

/// The digit is this one.
pub(super) fn digit(value: usize) -> Vec<String> {
    let word = IN_WORDS.get(value).map(|word| [format!("digit {word}"), format!("number {word}")]);
    let mut phrases = vec![format!("digit {value}"), format!("number {value}")];
    phrases.extend(word.into_iter().flatten());
    phrases
}

/// The object lies in `cell`.
pub(super) fn position(scene: &Scene, object: &Object, cell: Cell) -> Vec<String> {
    let name = shortest(scene, object);
    let mut phrases = placed(&name, cell);
    phrases.extend(placed(&format!("{name} is"), cell));
    phrases
}

/// `a` lies `side` of `b`; `other` is the opposite of `side`.
pub(super) fn relation(
    scene: &Scene,
    (a, b): (&Object, &Object),
    (side, other): (&str, &str),
) -> Vec<String> {
    let mut phrases = Vec::with_capacity(8);
    for (first, words, second) in [(a, side, b), (b, other, a)] {
        let whole = look(second);
        let short = shortest(scene, second);
        let names = [Some(&whole), (short != whole).then_some(&short)];
        for name in names.into_iter().flatten() {
            let first = shortest(scene, first);
            phrases.push(format!("{first} is {words} the {name}"));
            if words.ends_with(" of") {
                phrases.push(format!("{first} is to the {words} the {name}"));
            }
        }
    }
    phrases
}

/// There is a thing of this colour.
pub(super) fn colour_present(colour: Colour) -> Vec<String> {
    let things = Kind::ALL.into_iter().flat_map(|kind| [kind.name(), kind.plural()]);
    let things = things.chain(["shape", "shapes"]);
    things.map(|thing| format!("{} {thing}", colour.name())).collect()
}

/// There is a thing of this kind.
pub(super) fn kind_present(kind: Kind) -> Vec<String> {
    vec![kind.name().to_owned(), kind.plural().to_owned()]
}

/// There is a thing of this look.
pub(super) fn look_present(colour: Colour, kind: Kind) -> Vec<String> {
    [kind.name(), kind.plural()].map(|thing| format!("{} {thing}", colour.name())).into()
}

fn placed(thing: &str, cell: Cell) -> Vec<String> {
    let place = cell.name();
    vec![format!("{thing} at the {place}"), format!("{thing} in the {place}")]
}

/// The kind alone if that says which object it is: it fits with or without a colour before it.
fn shortest(scene: &Scene, object: &Object) -> String {
    if scene.of_kind(object.kind).len() == 1 { object.kind.name().to_owned() } else { look(object) }
}

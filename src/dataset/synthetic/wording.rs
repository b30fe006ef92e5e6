//! The wordings of questions about a scene, shared by all who ask. The shipped tiny models were trained on exactly these.

use super::{Cell, Colour, Dice, Object, Scene, describe::article};

/// The two ways to ask for the digit.
pub const DIGIT: [&str; 2] = ["What digit is shown?", "What number is in the image?"];

/// Asks for the colour of a thing, e.g. `circle`.
pub fn colour_of(thing: &str) -> String {
    format!("What color is the {thing}?")
}

/// What lies in a quarter of the picture, as a thing: `shape at the top left`.
pub fn shape_at(cell: Cell) -> String {
    format!("shape at the {}", cell.name())
}

/// Asks for the kind of what has a colour.
pub fn kind_of(colour: Colour) -> String {
    format!("What shape is {}?", colour.name())
}

/// Asks for the kind of what lies in a quarter of the picture.
pub fn kind_at(cell: Cell) -> String {
    format!("What shape is at the {}?", cell.name())
}

/// Asks for a number of things, named in the plural.
pub fn how_many(things: &str) -> String {
    format!("How many {things} are there?")
}

/// Asks for the place of a thing.
pub fn where_is(thing: &str) -> String {
    format!("Where is the {thing}?")
}

/// Asks whether there is such a thing.
pub fn is_there(thing: &str) -> String {
    format!("Is there {} {thing}?", article(thing))
}

/// Asks how `a` lies to `b`; `relation` is e.g. `left of`, or a choice like `left or right of`.
pub fn relation(a: &str, relation: &str, b: &str) -> String {
    format!("Is the {a} {relation} the {b}?")
}

/// The object in words: always with its colour unless the kind alone says which one it is.
pub fn reference(scene: &Scene, object: &Object, dice: &mut Dice) -> String {
    if scene.of_kind(object.kind).len() == 1 && dice.percent(50) {
        return object.kind.name().to_owned();
    }
    look(object)
}

/// The object's colour and kind: `red circle`.
pub fn look(object: &Object) -> String {
    format!("{} {}", object.colour.name(), object.kind.name())
}

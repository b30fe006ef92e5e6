//! The one-sentence description of a scene.
use super::{Digit, Object, Scene};

/// Names every object with colour and place in reading order, then the digit, then the background:
/// `There are two shapes: a red circle at the top left and an orange star at the bottom left, with the digit 7 at the
/// bottom right, on a white background.`
pub fn describe(scene: &Scene) -> String {
    let looks: Vec<String> = scene.objects.iter().map(look).collect();
    let shapes = match looks.as_slice() {
        [] => "There are no shapes".to_owned(),
        [only] => format!("There is one shape: {only}"),
        [first, second] => format!("There are two shapes: {first} and {second}"),
        [first, second, rest @ ..] => {
            format!("There are three shapes: {first}, {second} and {}", rest.join(" and "))
        }
    };
    let digit = scene.digit.as_ref().map(digit_part).unwrap_or_default();
    format!("{shapes}{digit}, on a {} background.", scene.background.name())
}

fn look(object: &Object) -> String {
    let (colour, kind) = (object.colour.name(), object.kind.name());
    format!("{} {colour} {kind} at the {}", article(colour), object.cell.name())
}

fn digit_part(digit: &Digit) -> String {
    format!(", with the digit {} at the {}", digit.value, digit.cell.name())
}

/// `a` or `an`, by the first letter.
pub(super) fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

//! Questions about a scene, with the answer that follows from its facts.
use super::{Colour, Dice, Kind, Object, Scene, wording, wording::reference};
use serde::Serialize;

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QuestionType {
    /// The colour of an object.
    Colour,
    /// The shape of an object.
    Shape,
    /// How many shapes there are in all, of a colour, or of a kind.
    Count,
    /// Where an object or the digit is.
    Position,
    /// How two objects lie to each other.
    Relation,
    /// Whether something is there, yes and no equally often.
    Presence,
    /// Which digit is shown.
    Digit,
    /// The colour of the background.
    Background,
}

impl QuestionType {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Colour,
        Self::Shape,
        Self::Count,
        Self::Position,
        Self::Relation,
        Self::Presence,
        Self::Digit,
        Self::Background,
    ];
}

/// A question with its one right answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: QuestionType,
    /// The question.
    #[serde(rename = "question")]
    pub text: String,
    /// The answer: lower case, one word or a short phrase.
    pub answer: String,
}

/// The first words of a question as VQA v2 lists them, longest first.
const OPENINGS: [&str; 12] = [
    "what color is the",
    "what number is",
    "where is the",
    "is there an",
    "is there a",
    "what shape is",
    "what digit is",
    "what is the",
    "how many",
    "is the",
    "where is",
    "what",
];

impl Question {
    /// `yes/no`, `number` or `other`, as VQA v2 annotates.
    pub fn answer_type(&self) -> &'static str {
        match self.answer.as_str() {
            "yes" | "no" => "yes/no",
            answer if answer.bytes().all(|byte| byte.is_ascii_digit()) => "number",
            _ => "other",
        }
    }

    /// The first words of the question, as VQA v2 groups questions.
    pub fn opening(&self) -> &'static str {
        let text = self.text.to_lowercase();
        OPENINGS
            .into_iter()
            .find(|opening| text.starts_with(opening))
            .unwrap_or("none of the above")
    }
}

/// Up to `count` different questions about `scene`: the types in random order, again from the start when they are
/// used up. Fewer when the scene does not give that many.
pub fn sample_questions(scene: &Scene, count: usize, dice: &mut Dice) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::with_capacity(count);
    for _ in 0..count.max(4) {
        let mut types = QuestionType::ALL;
        dice.shuffle(&mut types);
        for kind in types {
            if questions.len() == count {
                return questions;
            }
            let fresh = ask(scene, kind, dice)
                .filter(|new| questions.iter().all(|old| old.text != new.text));
            questions.extend(fresh);
        }
    }
    questions
}

/// A random question of one type, or `None` when the scene has nothing to ask about.
pub fn ask(scene: &Scene, kind: QuestionType, dice: &mut Dice) -> Option<Question> {
    let (text, answer) = match kind {
        QuestionType::Colour => colour(scene, dice)?,
        QuestionType::Shape => shape(scene, dice)?,
        QuestionType::Count => count(scene, dice)?,
        QuestionType::Position => position(scene, dice)?,
        QuestionType::Relation => relation(scene, dice)?,
        QuestionType::Presence => presence(scene, dice),
        QuestionType::Digit => digit(scene, dice)?,
        QuestionType::Background => background(scene, dice),
    };
    Some(Question { kind, text, answer })
}

type Asked = (String, String);

fn colour(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let object = dice.pick(&scene.objects)?;
    let text = if scene.of_kind(object.kind).len() == 1 && dice.percent(75) {
        wording::colour_of(object.kind.name())
    } else {
        wording::colour_of(&wording::shape_at(object.cell))
    };
    Some((text, object.colour.name().to_owned()))
}

fn shape(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let object = dice.pick(&scene.objects)?;
    let text = if scene.of_colour(object.colour).len() == 1 && dice.percent(75) {
        wording::kind_of(object.colour)
    } else {
        wording::kind_at(object.cell)
    };
    Some((text, object.kind.name().to_owned()))
}

fn count(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let object = *dice.pick(&scene.objects)?;
    let absent = dice.percent(25);
    match dice.below(5) {
        0 => Some((wording::how_many("shapes"), scene.objects.len().to_string())),
        1 | 2 => {
            let colour = if absent { absent_colour(scene, dice)? } else { object.colour };
            let text = wording::how_many(&format!("{} shapes", colour.name()));
            Some((text, scene.of_colour(colour).len().to_string()))
        }
        _ => {
            let kind = if absent { absent_kind(scene, dice)? } else { object.kind };
            Some((wording::how_many(kind.plural()), scene.of_kind(kind).len().to_string()))
        }
    }
}

fn position(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    if let Some(digit) = scene.digit.filter(|_| dice.percent(20)) {
        return Some((wording::where_is("digit"), digit.cell.name().to_owned()));
    }
    let object = dice.pick(&scene.objects)?;
    let text = wording::where_is(&reference(scene, object, dice));
    Some((text, object.cell.name().to_owned()))
}

/// Two objects in different columns (left, right) or rows (above, below); the farther apart, the same words.
fn relation(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let mut pairs: Vec<(Object, Object, bool)> = Vec::new();
    for a in &scene.objects {
        for b in &scene.objects {
            pairs.extend((a.cell.col != b.cell.col).then_some((*a, *b, true)));
            pairs.extend((a.cell.row != b.cell.row).then_some((*a, *b, false)));
        }
    }
    let (a, b, across) = *dice.pick(&pairs)?;
    let (before, after) = if across { ("left of", "right of") } else { ("above", "below") };
    let first = if across { a.cell.col < b.cell.col } else { a.cell.row < b.cell.row };
    let (a, b) = (reference(scene, &a, dice), reference(scene, &b, dice));
    if dice.percent(50) {
        let said = dice.percent(50);
        let text = wording::relation(&a, if said { before } else { after }, &b);
        return Some((text, yes_or_no(said == first)));
    }
    let choice = if across { "left or right of" } else { "above or below" };
    let answer = if first { before } else { after }.trim_end_matches(" of");
    Some((wording::relation(&a, choice, &b), answer.to_owned()))
}

fn presence(scene: &Scene, dice: &mut Dice) -> Asked {
    let wanted = dice.percent(50);
    let object = dice.pick(&scene.objects).copied();
    let (thing, there) = match (dice.below(8), object) {
        (0..=2, Some(object)) => {
            let colour = if wanted { Some(object.colour) } else { absent_colour(scene, dice) };
            let colour = colour.unwrap_or(object.colour);
            (format!("{} shape", colour.name()), !scene.of_colour(colour).is_empty())
        }
        (3..=4, Some(object)) => {
            let kind = if wanted { Some(object.kind) } else { absent_kind(scene, dice) }
                .unwrap_or(object.kind);
            (kind.name().to_owned(), !scene.of_kind(kind).is_empty())
        }
        (5..=6, Some(object)) => pair(scene, &object, wanted, dice),
        _ => ("digit".to_owned(), scene.digit.is_some()),
    };
    (wording::is_there(&thing), yes_or_no(there))
}

/// A colour with a kind: the object's own, or a look nobody has, near to one that is there more often than not.
fn pair(scene: &Scene, object: &Object, wanted: bool, dice: &mut Dice) -> (String, bool) {
    let (mut colour, mut kind) = (object.colour, object.kind);
    if !wanted {
        match dice.below(3) {
            0 => colour = Colour::ALL[dice.below(Colour::ALL.len())],
            1 => kind = Kind::ALL[dice.below(Kind::ALL.len())],
            _ => {
                colour = absent_colour(scene, dice).unwrap_or(colour);
                kind = Kind::ALL[dice.below(Kind::ALL.len())];
            }
        }
    }
    let there = scene.objects.iter().any(|object| (object.colour, object.kind) == (colour, kind));
    (format!("{} {}", colour.name(), kind.name()), there)
}

fn digit(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let digit = scene.digit?;
    let [first, second] = wording::DIGIT;
    let text = if dice.percent(50) { first } else { second };
    Some((text.to_owned(), digit.value.to_string()))
}

fn background(scene: &Scene, dice: &mut Dice) -> Asked {
    let text = if dice.percent(50) {
        "What color is the background?"
    } else {
        "What is the background color?"
    };
    (text.to_owned(), scene.background.name().to_owned())
}

fn absent_colour(scene: &Scene, dice: &mut Dice) -> Option<Colour> {
    let absent: Vec<Colour> =
        Colour::ALL.into_iter().filter(|colour| scene.of_colour(*colour).is_empty()).collect();
    dice.pick(&absent).copied()
}

fn absent_kind(scene: &Scene, dice: &mut Dice) -> Option<Kind> {
    let absent: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| scene.of_kind(*kind).is_empty()).collect();
    dice.pick(&absent).copied()
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests;

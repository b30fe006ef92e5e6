//! Facts about a scene: a question, the closed set of its answers, and which of them is right.

use super::{
    super::synthetic::{Cell, Colour, Dice, Kind, Object, Scene, wording},
    Fact, claims,
};

/// What to ask about a scene that is yet to be found. What is decided here does not depend on the scene, so no answer
/// is more frequent than another; what is left open is decided by the scene, in which no colour, kind, place or digit
/// is more frequent than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Of one object.
    Colour,
    /// How many there are of one colour, or of one kind.
    Count { number: usize, of: Group },
    /// Which digit is shown.
    Text,
    /// How two objects lie to each other.
    Relation,
    /// Of one object.
    Position,
    /// The kind of one object.
    Shape,
    /// Whether something is there.
    Presence { absent: bool, of: Group },
}

/// Objects that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// In colour.
    Colour,
    /// In kind.
    Kind,
    /// In both.
    Look,
}

impl Ask {
    fn topic(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::Count { .. } => "count",
            Self::Text => "text",
            Self::Relation => "relation",
            Self::Position => "position",
            Self::Shape => "shape",
            Self::Presence { .. } => "presence",
        }
    }
}

/// A question with its options and what states each of them.
struct Asked {
    question: String,
    options: Vec<(&'static str, Vec<String>)>,
    answer: usize,
}

/// The most of one sort that is asked for: the options are 0 to this.
pub(super) const MOST: usize = 3;

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The fact of `scene` that `ask` wants, or `None` if the scene has none.
pub(super) fn fact(id: u64, ask: Ask, scene: &Scene, dice: &mut Dice) -> Option<Fact> {
    let asked = match ask {
        Ask::Colour => colour(scene, dice),
        Ask::Count { number, of } => count(scene, number, of, dice),
        Ask::Text => text(scene, dice),
        Ask::Relation => relation(scene, dice),
        Ask::Position => position(scene, dice),
        Ask::Shape => shape(scene, dice),
        Ask::Presence { absent, of } => presence(scene, absent, of, dice),
    }?;
    let (options, claims) =
        asked.options.into_iter().map(|(option, claims)| (option.to_owned(), claims)).unzip();
    Some(Fact {
        id,
        topic: ask.topic().to_owned(),
        question: asked.question,
        options,
        answer: asked.answer,
        absent: if let Ask::Presence { absent, .. } = ask { Some(absent) } else { None },
        claims,
    })
}

fn colour(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let Object { kind, colour, cell, .. } = *dice.pick(&scene.objects)?;
    let by_kind = scene.of_kind(kind).len() == 1 && dice.percent(75);
    let thing = if by_kind { kind.name().to_owned() } else { wording::shape_at(cell) };
    let claims = |colour| {
        if by_kind { claims::colour_of_kind(colour, kind) } else { claims::colour_at(colour, cell) }
    };
    Some(Asked {
        question: wording::colour_of(&thing),
        options: Colour::ALL.map(|option| (option.name(), claims(option))).into(),
        answer: Colour::ALL.iter().position(|option| *option == colour)?,
    })
}

fn shape(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let Object { kind, colour, cell, .. } = *dice.pick(&scene.objects)?;
    let by_colour = scene.of_colour(colour).len() == 1 && dice.percent(75);
    let claims = |kind| {
        if by_colour { claims::kind_of_colour(kind, colour) } else { claims::kind_at(kind, cell) }
    };
    Some(Asked {
        question: if by_colour { wording::kind_of(colour) } else { wording::kind_at(cell) },
        options: Kind::ALL.map(|option| (option.name(), claims(option))).into(),
        answer: Kind::ALL.iter().position(|option| *option == kind)?,
    })
}

fn count(scene: &Scene, number: usize, of: Group, dice: &mut Dice) -> Option<Asked> {
    let (one, many) = if of == Group::Kind {
        let fits = |kind: &Kind| scene.of_kind(*kind).len() == number;
        let kind = one_of(Kind::ALL.into_iter().filter(fits), dice)?;
        (kind.name().to_owned(), kind.plural().to_owned())
    } else {
        let fits = |colour: &Colour| scene.of_colour(*colour).len() == number;
        let colour = one_of(Colour::ALL.into_iter().filter(fits), dice)?.name();
        (format!("{colour} shape"), format!("{colour} shapes"))
    };
    let options = DIGITS.into_iter().enumerate().take(MOST + 1);
    Some(Asked {
        question: wording::how_many(&many),
        options: options.map(|(k, digit)| (digit, claims::count(k, &one, &many))).collect(),
        answer: number,
    })
}

fn text(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let digit = scene.digit?;
    let options = DIGITS.into_iter().enumerate();
    Some(Asked {
        question: (*dice.pick(&wording::DIGIT)?).to_owned(),
        options: options.map(|(k, name)| (name, claims::digit(k))).collect(),
        answer: usize::from(digit.value),
    })
}

fn relation(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let mut pairs: Vec<(&Object, &Object, bool)> = Vec::new();
    for a in &scene.objects {
        for b in &scene.objects {
            pairs.extend((a.cell.col != b.cell.col).then_some((a, b, true)));
            pairs.extend((a.cell.row != b.cell.row).then_some((a, b, false)));
        }
    }
    let (a, b, across) = *dice.pick(&pairs)?;
    let (choice, options, [before, after]) = if across {
        ("left or right of", ["left", "right"], ["left of", "right of"])
    } else {
        ("above or below", ["above", "below"], ["above", "below"])
    };
    let first = if across { a.cell.col < b.cell.col } else { a.cell.row < b.cell.row };
    let names = [a, b].map(|object| wording::reference(scene, object, dice));
    let claims = [(before, after), (after, before)];
    let claims = claims.map(|sides| claims::relation(scene, (a, b), sides));
    Some(Asked {
        question: wording::relation(&names[0], choice, &names[1]),
        options: options.into_iter().zip(claims).collect(),
        answer: usize::from(!first),
    })
}

fn position(scene: &Scene, dice: &mut Dice) -> Option<Asked> {
    let object = dice.pick(&scene.objects)?;
    let claims = |cell| claims::position(scene, object, cell);
    Some(Asked {
        question: wording::where_is(&wording::reference(scene, object, dice)),
        options: Cell::ALL.map(|cell| (cell.name(), claims(cell))).into(),
        answer: Cell::ALL.iter().position(|cell| *cell == object.cell)?,
    })
}

/// An absent look shares its colour or its kind with an object: only who kept the two together knows.
fn presence(scene: &Scene, absent: bool, of: Group, dice: &mut Dice) -> Option<Asked> {
    let fits = |found: bool| found != absent;
    let (thing, claims) = match of {
        Group::Colour => {
            let there = |colour: &Colour| fits(!scene.of_colour(*colour).is_empty());
            let colour = one_of(Colour::ALL.into_iter().filter(there), dice)?;
            (format!("{} shape", colour.name()), claims::colour_present(colour))
        }
        Group::Kind => {
            let there = |kind: &Kind| fits(!scene.of_kind(*kind).is_empty());
            let kind = one_of(Kind::ALL.into_iter().filter(there), dice)?;
            (kind.name().to_owned(), claims::kind_present(kind))
        }
        Group::Look => {
            let (kind, colour) = one_of(looks(scene, absent), dice)?;
            (format!("{} {}", colour.name(), kind.name()), claims::look_present(colour, kind))
        }
    };
    Some(Asked {
        question: wording::is_there(&thing),
        options: vec![("yes", claims), ("no", Vec::new())],
        answer: usize::from(absent),
    })
}

/// The looks of the objects; or those that nothing has, though something has the kind or the colour.
fn looks(scene: &Scene, absent: bool) -> impl Iterator<Item = (Kind, Colour)> {
    let all = Kind::ALL.into_iter().flat_map(|kind| Colour::ALL.map(|colour| (kind, colour)));
    all.filter(move |&(kind, colour)| {
        let near = scene.objects.iter().any(|o| o.kind == kind || o.colour == colour);
        let there = scene.objects.iter().any(|o| (o.kind, o.colour) == (kind, colour));
        near && there != absent
    })
}

fn one_of<T: Copy>(items: impl Iterator<Item = T>, dice: &mut Dice) -> Option<T> {
    dice.pick(&items.collect::<Vec<_>>()).copied()
}

//! What is in a picture: the fact table that drawing, questions and descriptions share.
use super::Dice;
use serde::Serialize;

/// The colour of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Colour {
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    Pink,
    Brown,
}

impl Colour {
    /// Every colour an object can have.
    pub const ALL: [Self; 8] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::Purple,
        Self::Pink,
        Self::Brown,
    ];

    /// The colour's English name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Pink => "pink",
            Self::Brown => "brown",
        }
    }

    /// The middle of the colour's range, sRGB.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [216, 28, 32],
            Self::Orange => [246, 136, 20],
            Self::Yellow => [246, 224, 40],
            Self::Green => [36, 150, 56],
            Self::Blue => [36, 76, 214],
            Self::Purple => [124, 40, 160],
            Self::Pink => [250, 140, 190],
            Self::Brown => [112, 66, 28],
        }
    }
}

/// The shape of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Circle,
    Square,
    Triangle,
    Star,
    Cross,
}

impl Kind {
    /// Every shape an object can have.
    pub const ALL: [Self; 5] =
        [Self::Circle, Self::Square, Self::Triangle, Self::Star, Self::Cross];

    /// The shape's English name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Cross => "cross",
        }
    }

    /// The plural of the name.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Circle => "circles",
            Self::Square => "squares",
            Self::Triangle => "triangles",
            Self::Star => "stars",
            Self::Cross => "crosses",
        }
    }
}

/// The colour behind the objects; never the colour of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Background {
    White,
    Gray,
    Black,
}

impl Background {
    /// Every background.
    pub const ALL: [Self; 3] = [Self::White, Self::Gray, Self::Black];

    /// The background's English name.
    pub fn name(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Gray => "gray",
            Self::Black => "black",
        }
    }

    /// The middle of the background's range, sRGB.
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::White => [244, 244, 244],
            Self::Gray => [134, 134, 134],
            Self::Black => [14, 14, 14],
        }
    }
}

/// One of the four quarters of a picture. Each holds one thing at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Cell {
    /// 0 top, 1 bottom.
    pub row: u8,
    /// 0 left, 1 right.
    pub col: u8,
}

impl Cell {
    /// All four places in reading order.
    pub const ALL: [Self; 4] = [
        Self { row: 0, col: 0 },
        Self { row: 0, col: 1 },
        Self { row: 1, col: 0 },
        Self { row: 1, col: 1 },
    ];

    /// The place in words: `top left`, `top right`, `bottom left`, `bottom right`.
    pub fn name(self) -> &'static str {
        match (self.row, self.col) {
            (0, 0) => "top left",
            (0, _) => "top right",
            (_, 0) => "bottom left",
            (_, _) => "bottom right",
        }
    }
}

/// One shape of a scene. No two objects of a scene share both colour and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Object {
    /// Its shape.
    pub kind: Kind,
    /// Its colour in words.
    pub colour: Colour,
    /// Its colour in the picture, sRGB: [`Colour::rgb`] with a little variation.
    pub rgb: [u8; 3],
    /// Its place; no other object nor the digit is there.
    pub cell: Cell,
    /// The centre in pixels from the left.
    pub x: i32,
    /// The centre in pixels from the top.
    pub y: i32,
    /// Half the extent in pixels.
    pub radius: i32,
}

/// The written digit of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Digit {
    /// 0 to 9.
    pub value: u8,
    /// The ink, sRGB.
    pub rgb: [u8; 3],
    /// Its place; no object is there.
    pub cell: Cell,
    /// The centre in pixels from the left.
    pub x: i32,
    /// The centre in pixels from the top.
    pub y: i32,
    /// Half the height in pixels.
    pub radius: i32,
}

/// Everything that is in one picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scene {
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// The background in words.
    pub background: Background,
    /// The background in the picture, sRGB.
    pub background_rgb: [u8; 3],
    /// One to three shapes in reading order of their cells.
    pub objects: Vec<Object>,
    /// A digit, in about half of the scenes.
    pub digit: Option<Digit>,
}

/// Picture sizes in pixels, width then height.
const SIZES: [(i32, i32); 4] = [(128, 128), (128, 128), (144, 128), (128, 144)];

impl Scene {
    /// The scene number `index` of `seed`.
    pub fn random(seed: u64, index: u64) -> Self {
        let mut dice = Dice::new(seed, 2 * index);
        let (width, height) = SIZES[dice.below(SIZES.len())];
        let background = Background::ALL[dice.below(Background::ALL.len())];
        let background_rgb = varied(background.rgb(), 8, &mut dice);
        let mut cells = Cell::ALL;
        dice.shuffle(&mut cells);
        let count = [1, 2, 2, 3, 3][dice.below(5)];
        let mut objects: Vec<Object> = Vec::with_capacity(count);
        for &cell in cells.iter().take(count) {
            let (kind, colour) = fresh_look(&objects, &mut dice);
            let rgb = varied(colour.rgb(), 9, &mut dice);
            let (x, y, radius) = placed(cell, width, height, (37, 44), &mut dice);
            objects.push(Object { kind, colour, rgb, cell, x, y, radius });
        }
        objects.sort_by_key(|object| object.cell);
        let digit = dice
            .percent(50)
            .then(|| random_digit(cells[count], background, width, height, &mut dice));
        Self { width, height, background, background_rgb, objects, digit }
    }

    /// The objects of one kind.
    pub fn of_kind(&self, kind: Kind) -> Vec<Object> {
        self.objects.iter().copied().filter(|object| object.kind == kind).collect()
    }

    /// The objects of one colour.
    pub fn of_colour(&self, colour: Colour) -> Vec<Object> {
        self.objects.iter().copied().filter(|object| object.colour == colour).collect()
    }
}

/// A kind and colour not in `objects` yet; often one of the two is repeated, so that counts differ.
fn fresh_look(objects: &[Object], dice: &mut Dice) -> (Kind, Colour) {
    loop {
        let mut kind = Kind::ALL[dice.below(Kind::ALL.len())];
        let mut colour = Colour::ALL[dice.below(Colour::ALL.len())];
        if let Some(earlier) = dice.pick(objects).copied() {
            match dice.below(10) {
                0..=3 => colour = earlier.colour,
                4..=5 => kind = earlier.kind,
                _ => {}
            }
        }
        if objects.iter().all(|object| (object.kind, object.colour) != (kind, colour)) {
            return (kind, colour);
        }
    }
}

fn random_digit(
    cell: Cell,
    background: Background,
    width: i32,
    height: i32,
    dice: &mut Dice,
) -> Digit {
    let value = dice.below(10) as u8;
    let ink = if background == Background::Black { [240; 3] } else { [16; 3] };
    let rgb = varied(ink, 8, dice);
    let (x, y, radius) = placed(cell, width, height, (41, 45), dice);
    Digit { value, rgb, cell, x, y, radius }
}

/// A centre near the middle of one of the four parts of `cell`, and a radius between two shares (percent) of the shorter
/// side of such a part: a sixteenth of the picture, so that things in neighbouring quarters stay apart.
fn placed(
    cell: Cell,
    width: i32,
    height: i32,
    share: (i32, i32),
    dice: &mut Dice,
) -> (i32, i32, i32) {
    let side = width.min(height);
    let radius = dice.between(side * share.0 / 400, side * share.1 / 400);
    let mut centre = |extent: i32, index: u8| {
        let part = 2 * i32::from(index) + dice.between(0, 1);
        let room = (extent / 8 - radius * 11 / 10).clamp(0, extent / 64);
        (2 * part + 1) * extent / 8 + dice.between(-room, room)
    };
    let (x, y) = (centre(width, cell.col), centre(height, cell.row));
    (x, y, radius)
}

fn varied(rgb: [u8; 3], by: i32, dice: &mut Dice) -> [u8; 3] {
    rgb.map(|channel| (i32::from(channel) + dice.between(-by, by)).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests;

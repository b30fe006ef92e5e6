//! Pixels are checked on scenes small enough to know them by hand.
use super::super::{Background, Cell, Colour};
use super::*;

fn picture_of(kind: Kind) -> RgbImage {
    let object = Object {
        kind,
        colour: Colour::Red,
        rgb: [200, 0, 0],
        cell: Cell { row: 1, col: 1 },
        x: 20,
        y: 20,
        radius: 10,
    };
    draw(&empty(vec![object], None))
}

fn empty(objects: Vec<Object>, digit: Option<Digit>) -> Scene {
    Scene {
        width: 40,
        height: 40,
        background: Background::Black,
        background_rgb: [0; 3],
        objects,
        digit,
    }
}

/// Red per pixel over full red: the area in pixels.
fn area(picture: &RgbImage) -> f64 {
    picture.pixels().map(|pixel| f64::from(pixel.0[0]) / 200.0).sum()
}

#[test]
fn shapes_cover_the_area_geometry_gives_them() {
    let shoelace = |polygon: &[(i32, i32)]| {
        let pairs = polygon.iter().zip(polygon.iter().cycle().skip(1));
        pairs.map(|(a, b)| f64::from(a.0 * b.1 - b.0 * a.1)).sum::<f64>().abs() / 2.0 / 1e4
    };
    for (kind, expected) in [
        (Kind::Circle, 100.0 * std::f64::consts::PI),
        (Kind::Square, 17.6 * 17.6),
        (Kind::Triangle, shoelace(&TRIANGLE)),
        (Kind::Star, shoelace(&STAR)),
        (Kind::Cross, shoelace(&CROSS)),
    ] {
        let drawn = area(&picture_of(kind));
        assert!((drawn / expected - 1.0).abs() < 0.03, "{kind:?}: {drawn} instead of {expected}");
    }
}

#[test]
fn shapes_are_symmetric_from_left_to_right() {
    for kind in Kind::ALL {
        let picture = picture_of(kind);
        let half = |left: bool| {
            picture
                .enumerate_pixels()
                .filter(|(x, ..)| (*x < 20) == left)
                .map(|(.., p)| u32::from(p.0[0]))
                .sum::<u32>()
        };
        assert!(
            half(true).abs_diff(half(false)) * 50 <= half(true),
            "{kind:?}: {} and {}",
            half(true),
            half(false)
        );
    }
}

#[test]
fn a_digit_shows_its_bitmap() {
    for value in 0..10 {
        let digit = Digit {
            value,
            rgb: [200, 0, 0],
            cell: Cell { row: 1, col: 1 },
            x: 20,
            y: 20,
            radius: 14,
        };
        let picture = draw(&empty(Vec::new(), Some(digit)));
        for row in 0..7_u32 {
            for col in 0..5_u32 {
                let lit = DIGITS[usize::from(value)][row as usize] >> (4 - col) & 1 == 1;
                let pixel = picture.get_pixel(20 - 10 + 4 * col + 1, 20 - 14 + 4 * row + 1);
                assert_eq!(pixel.0[0] == 200, lit, "digit {value}, row {row}, column {col}");
            }
        }
    }
}

#[test]
fn things_beyond_the_edge_are_cut_off() {
    let object = Object {
        kind: Kind::Circle,
        colour: Colour::Red,
        rgb: [200, 0, 0],
        cell: Cell { row: 0, col: 0 },
        x: 0,
        y: 0,
        radius: 10,
    };
    let quarter = area(&draw(&empty(vec![object], None)));
    assert!((quarter / (25.0 * std::f64::consts::PI) - 1.0).abs() < 0.1, "{quarter}");
}

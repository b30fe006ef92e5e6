//! Draws a scene with 4 × 4 supersampling in integer arithmetic: the same pixels on every platform.
use super::{Digit, Kind, Object, Scene, glyphs::DIGITS};
use image::{Rgb, RgbImage};

/// Subpixel units in one pixel.
const UNIT: i32 = 8;
/// Vertices in thousandths of the radius, clockwise from the top.
const TRIANGLE: [(i32, i32); 3] = [(0, -1000), (1000, 820), (-1000, 820)];
const STAR: [(i32, i32); 10] = [
    (0, -1100),
    (259, -356),
    (1046, -340),
    (418, 136),
    (647, 890),
    (0, 440),
    (-647, 890),
    (-418, 136),
    (-1046, -340),
    (-259, -356),
];
const CROSS: [(i32, i32); 12] = [
    (-320, -1000),
    (320, -1000),
    (320, -320),
    (1000, -320),
    (1000, 320),
    (320, 320),
    (320, 1000),
    (-320, 1000),
    (-320, 320),
    (-1000, 320),
    (-1000, -320),
    (-320, -320),
];

/// Draws `scene` at its own size.
pub fn draw(scene: &Scene) -> RgbImage {
    let size = (scene.width.max(1) as u32, scene.height.max(1) as u32);
    let mut image = RgbImage::from_pixel(size.0, size.1, Rgb(scene.background_rgb));
    for object in &scene.objects {
        fill(&mut image, (object.x, object.y), object.radius, object.rgb, |x, y| {
            in_object(object, x, y)
        });
    }
    if let Some(digit) = &scene.digit {
        fill(&mut image, (digit.x, digit.y), digit.radius, digit.rgb, |x, y| in_digit(digit, x, y));
    }
    image
}

/// Colours the pixels around `centre` by the share of their 16 sample points that `inside` accepts.
/// Sample points are relative to the centre, in subpixel units.
fn fill(
    image: &mut RgbImage,
    centre: (i32, i32),
    radius: i32,
    ink: [u8; 3],
    inside: impl Fn(i32, i32) -> bool,
) {
    let reach = radius * 12 / 10 + 1;
    for y in centre.1 - reach..=centre.1 + reach {
        for x in centre.0 - reach..=centre.0 + reach {
            let (left, top) = ((x - centre.0) * UNIT, (y - centre.1) * UNIT);
            let hits = (0..16)
                .filter(|k| inside(left + 1 + 2 * (k % 4), top + 1 + 2 * (k / 4)))
                .count() as i32;
            if hits == 0 {
                continue;
            }
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = image.get_pixel_mut_checked(x, y)
            {
                for (under, over) in pixel.0.iter_mut().zip(ink) {
                    *under =
                        ((i32::from(*under) * (16 - hits) + i32::from(over) * hits + 8) / 16) as u8;
                }
            }
        }
    }
}

fn in_object(object: &Object, x: i32, y: i32) -> bool {
    let r = object.radius * UNIT;
    match object.kind {
        Kind::Circle => x * x + y * y <= r * r,
        Kind::Square => x.abs() * 1000 <= 880 * r && y.abs() * 1000 <= 880 * r,
        Kind::Triangle => in_polygon(&TRIANGLE, r, x, y),
        Kind::Star => in_polygon(&STAR, r, x, y),
        Kind::Cross => in_polygon(&CROSS, r, x, y),
    }
}

/// Even–odd rule; the polygon is in thousandths of `r`.
fn in_polygon(polygon: &[(i32, i32)], r: i32, x: i32, y: i32) -> bool {
    let (x, y) = (i64::from(x) * 1000, i64::from(y) * 1000);
    let scaled =
        |(vx, vy): (i32, i32)| (i64::from(vx) * i64::from(r), i64::from(vy) * i64::from(r));
    let ends = polygon.iter().cycle().skip(1);
    polygon
        .iter()
        .zip(ends)
        .filter(|(from, to)| crosses(scaled(**from), scaled(**to), x, y))
        .count()
        % 2
        == 1
}

/// Whether the edge crosses the ray that leaves `(x, y)` to the right.
fn crosses((ax, ay): (i64, i64), (bx, by): (i64, i64), x: i64, y: i64) -> bool {
    let side = (x - ax) * (by - ay) - (bx - ax) * (y - ay);
    (ay > y) != (by > y) && if by > ay { side < 0 } else { side > 0 }
}

/// The digit's 5 × 7 bitmap fills a box as high as twice the radius.
fn in_digit(digit: &Digit, x: i32, y: i32) -> bool {
    let height = 2 * digit.radius * UNIT;
    let (row, col) = ((y + height / 2) * 7, (x + height * 5 / 14) * 7);
    if row < 0 || col < 0 {
        return false;
    }
    let rows = DIGITS[usize::from(digit.value % 10)];
    let bits = rows.get((row / height) as usize).copied().unwrap_or(0);
    col / height < 5 && bits >> (4 - col / height) & 1 == 1
}

#[cfg(test)]
mod tests;

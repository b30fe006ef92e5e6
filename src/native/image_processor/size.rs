//! The fields `size` and `crop_size`: a number, height and width, or an object, as `get_size_dict` in
//! `transformers/image_processing_utils.py` reads them.

use super::{error::ImageError, fields::Fields};

/// What a resize aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeTarget {
    /// The shorter side in pixels; the aspect ratio stays.
    ShortestEdge(usize),
    /// Both sides in pixels; the image is squashed.
    Exact {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
}

impl ResizeTarget {
    /// Reads field `size`; a plain number is the shorter side, or both with `default_to_square`.
    pub(super) fn from_fields(fields: &Fields<'_>, class: Self) -> Result<Self, ImageError> {
        if let Some(side) = fields.plain_side("size") {
            let square = fields.bool("default_to_square", false)?;
            let exact = Self::Exact { height: side, width: side };
            return Ok(if square { exact } else { Self::ShortestEdge(side) });
        }
        if let Some((height, width)) = fields.pair("size") {
            return Ok(Self::Exact { height, width });
        }
        let Some(size) = fields.object("size")? else { return Ok(class) };
        let sides = (size.side("shortest_edge")?, size.side("height")?, size.side("width")?);
        match (sides, size.side("longest_edge")?) {
            ((Some(side), None, None), None) => Ok(Self::ShortestEdge(side)),
            ((None, Some(height), Some(width)), None) => Ok(Self::Exact { height, width }),
            _ => Err(fields.problem(
                "size",
                "expected `shortest_edge`, or `height` and `width`, and nothing else",
            )),
        }
    }

    /// Width and height of what a resize makes of `width` × `height` pixels.
    pub(super) fn apply(self, (width, height): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Exact { height, width } => (width, height),
            Self::ShortestEdge(edge) => {
                let longer =
                    |long: usize, short: usize| ((edge * long) as f64 / short as f64) as usize;
                if width <= height {
                    (edge, longer(height, width))
                } else {
                    (longer(width, height), edge)
                }
            }
        }
    }
}

/// Reads field `crop_size` as (height, width); a plain number is both.
pub(super) fn crop_size(
    fields: &Fields<'_>,
    class: (usize, usize),
) -> Result<(usize, usize), ImageError> {
    if let Some(side) = fields.plain_side("crop_size") {
        return Ok((side, side));
    }
    if let Some(pair) = fields.pair("crop_size") {
        return Ok(pair);
    }
    let Some(size) = fields.object("crop_size")? else { return Ok(class) };
    match (size.side("height")?, size.side("width")?) {
        (Some(height), Some(width)) => Ok((height, width)),
        _ => Err(fields.problem("crop_size", "expected `height` and `width`, each at least 1")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn target(json: &Value) -> Result<ResizeTarget, ImageError> {
        ResizeTarget::from_fields(&Fields::new(json)?, ResizeTarget::ShortestEdge(224))
    }

    fn crop(json: &Value) -> Result<(usize, usize), ImageError> {
        crop_size(&Fields::new(json)?, (224, 224))
    }

    #[test]
    fn every_spelling_of_a_size_is_read() {
        let exact = ResizeTarget::Exact { height: 30, width: 20 };
        for (json, expected) in [
            (json!({}), ResizeTarget::ShortestEdge(224)),
            (json!({"size": 336}), ResizeTarget::ShortestEdge(336)),
            (json!({"size": {"shortest_edge": 336}}), ResizeTarget::ShortestEdge(336)),
            (json!({"size": {"height": 30, "width": 20}}), exact),
            (json!({"size": [30, 20]}), exact),
            (
                json!({"size": 9, "default_to_square": true}),
                ResizeTarget::Exact { height: 9, width: 9 },
            ),
        ] {
            assert_eq!(target(&json).unwrap(), expected, "{json}");
        }
        for (json, expected) in [
            (json!({"crop_size": null}), (224, 224)),
            (json!({"crop_size": 336}), (336, 336)),
            (json!({"crop_size": {"height": 30, "width": 20}}), (30, 20)),
            (json!({"crop_size": [30, 20]}), (30, 20)),
        ] {
            assert_eq!(crop(&json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn what_no_size_can_be_read_from_is_refused_by_name() {
        for size in [
            json!({"longest_edge": 336}),
            json!({"shortest_edge": 224, "longest_edge": 448}),
            json!({"height": 30}),
            json!({"shortest_edge": 0}),
            json!(0),
            json!([1, 2, 3]),
            json!("336"),
            json!(16_385),
        ] {
            let error = target(&json!({"size": size})).unwrap_err().to_string();
            assert!(error.contains("`size`"), "{error}");
            let error = crop(&json!({"crop_size": size})).unwrap_err().to_string();
            assert!(error.contains("`crop_size`"), "{error}");
        }
    }

    #[test]
    fn the_longer_side_is_truncated() {
        let target = ResizeTarget::ShortestEdge(336);
        assert_eq!(target.apply((640, 480)), (448, 336));
        assert_eq!(target.apply((333, 257)), (435, 336));
        assert_eq!(target.apply((300, 900)), (336, 1008));
        assert_eq!(target.apply((1, 10_000)), (336, 3_360_000));
    }
}

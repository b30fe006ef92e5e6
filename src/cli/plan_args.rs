//! What is planned.

use clap::Args;

use super::{positive, precision};
use crate::{
    memory::MemoryBudget,
    vlm::{LoadOptions, Precision},
};

/// Longest side of an image that is planned: what image processors refuse is refused here.
const LONGEST_SIDE: usize = 1 << 14;

/// `vlm-test plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Models to plan, by name, checkpoint folder or repository; several separated by commas or
    /// spaces [default: all that are known]
    #[arg(long, short, value_name = "NAME|DIR|OWNER/NAME", value_delimiter = ',', num_args = 1..)]
    pub models: Vec<String>,
    /// Plan a run with the weights converted to float32, float16 or bfloat16 [default: as stored]
    #[arg(long, value_name = "PRECISION", value_parser = precision)]
    pub dtype: Option<Precision>,
    /// Most tiles an image is cut into, for Phi-3.5 [default: the checkpoint's, usually 4]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub num_crops: Option<usize>,
    /// Size of the image of a question, in pixels
    #[arg(long, value_name = "WxH", default_value = "640x480", value_parser = image_size)]
    pub image_size: (usize, usize),
    /// Longest answer, in tokens
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = positive)]
    pub max_tokens: usize,
    /// Most memory to use, e.g. 8GB or 75% of the machine's [default: what device and machine
    /// leave to one program]
    #[arg(long, value_name = "SIZE|PERCENT")]
    pub memory_budget: Option<MemoryBudget>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl PlanArgs {
    /// How the models would be loaded.
    pub fn options(&self) -> LoadOptions {
        LoadOptions { dtype: self.dtype, num_crops: self.num_crops, no_cache: false }
    }
}

fn image_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once(['x', '×']).and_then(|(width, height)| {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=LONGEST_SIDE).contains(side));
        Some((side(width)?, side(height)?))
    });
    sides.ok_or_else(|| {
        format!("expected width and height in pixels, 1 to {LONGEST_SIDE} each, such as 640x480")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers_of_pixels() {
        assert_eq!(image_size("640x480"), Ok((640, 480)));
        assert_eq!(image_size("1×16384"), Ok((1, 16384)));
        for wrong in ["", "640", "640x", "x480", "0x480", "640x16385", "640x480x3", "-1x2"] {
            assert!(image_size(wrong).is_err(), "{wrong}");
        }
    }
}

//! Expansion of `<image>` placeholders, as text: in the first `SmolVLM` the row and column
//! markers are ordinary words, so ids cannot be assembled directly.
//! Reference: `processing_smolvlm.py`, `processing_idefics3.py` of transformers.

use crate::native::{
    checkpoint::Checkpoint,
    models::{
        prompt::{PromptError, segments},
        text_side::special_token,
    },
};

/// How an image was cut into tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TileGrid {
    /// Rows of tiles; 0 when the image was not split.
    pub rows: usize,
    /// Columns of tiles; 0 when the image was not split.
    pub cols: usize,
}

/// Spelling of the tokens around and inside an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTokens {
    /// Placeholder in the template, and the token that features replace.
    pub image: String,
    /// Opens a tile and closes the image.
    pub fake: String,
    /// Introduces the view of the whole image.
    pub global: String,
}

impl ImageTokens {
    /// The names the checkpoint gives, else the standard ones.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let token = |key, standard| special_token(checkpoint, key, standard);
        Self {
            image: token("image_token", "<image>"),
            fake: token("fake_image_token", "<fake_token_around_image>"),
            global: token("global_image_token", "<global-img>"),
        }
    }

    /// Replaces each placeholder of `prompt` by the text of its image: per tile, row by
    /// row, a marker and `seq_len` image tokens, then the whole view.
    ///
    /// # Errors
    /// [`PromptError::ImageCount`] naming both counts.
    pub fn expand(
        &self,
        prompt: &str,
        grids: &[TileGrid],
        seq_len: usize,
    ) -> Result<String, PromptError> {
        let mut segments = segments(prompt, &self.image, grids.len())?;
        let mut expanded = segments.next().unwrap_or_default().to_owned();
        for (grid, segment) in grids.iter().zip(segments) {
            self.push_image(&mut expanded, *grid, seq_len);
            expanded.push_str(segment);
        }
        Ok(expanded)
    }

    fn push_image(&self, text: &mut String, grid: TileGrid, seq_len: usize) {
        let features = self.image.repeat(seq_len);
        for row in 1..=grid.rows {
            for col in 1..=grid.cols {
                let marker = format!("<row_{row}_col_{col}>");
                text.extend([self.fake.as_str(), &marker, &features]);
            }
            text.push('\n');
        }
        if grid != TileGrid::default() {
            text.push('\n');
        }
        text.extend([self.fake.as_str(), &self.global, &features, &self.fake]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> ImageTokens {
        ImageTokens { image: "<image>".into(), fake: "<f>".into(), global: "<g>".into() }
    }

    #[test]
    fn a_split_image_lists_its_tiles_row_by_row_and_the_whole_view_last() {
        let grid = TileGrid { rows: 2, cols: 2 };
        let expanded = tokens().expand("User:<image>Why?", &[grid], 2).unwrap();
        let i = "<image><image>";
        let expected = format!(
            "User:<f><row_1_col_1>{i}<f><row_1_col_2>{i}\n<f><row_2_col_1>{i}<f><row_2_col_2>{i}\n\n<f><g>{i}<f>Why?"
        );
        assert_eq!(expanded, expected);
    }

    #[test]
    fn an_unsplit_image_is_one_view_and_text_alone_stays_as_it_is() {
        let expanded =
            tokens().expand("<image> and <image>", &[TileGrid::default(); 2], 1).unwrap();
        assert_eq!(expanded, "<f><g><image><f> and <f><g><image><f>");
        assert_eq!(tokens().expand("Hi.", &[], 64).unwrap(), "Hi.");
    }

    #[test]
    fn a_placeholder_without_image_is_refused_with_both_counts() {
        let error = tokens().expand("<image><image>", &[TileGrid::default()], 1).unwrap_err();
        assert!(error.to_string().contains("2 <image> placeholders for 1 images"), "{error}");
    }
}

//! Prompts with numbered image placeholders, as Phi-3-vision's processor tokenises them:
//! the text between placeholders is tokenised piece by piece, each with its own BOS, and
//! image k stands as so many times the id −k.
//! Reference: Microsoft's `processing_phi3_v.py`.

use crate::native::models::prompt::PromptError;

/// The placeholder of image `number`, from 1, as it opens a message.
pub fn placeholder(number: usize) -> String {
    format!("<|image_{number}|>\n")
}

/// Ids of a prompt whose images fill `positions` each; `encode` tokenises a piece of text
/// with the special tokens that the tokenizer adds.
///
/// # Errors
/// [`PromptError::ImageNumber`] when the placeholders do not count the images.
pub fn token_ids(
    prompt: &str,
    positions: &[usize],
    encode: impl Fn(&str) -> Result<Vec<u32>, PromptError>,
) -> Result<Vec<i32>, PromptError> {
    let mut ids = Vec::with_capacity(prompt.len() / 2 + positions.iter().sum::<usize>());
    let (mut rest, mut shown) = (prompt, 0);
    loop {
        let found = next_placeholder(rest);
        let piece = found.as_ref().map_or(rest, |found| found.before);
        ids.extend(encode(piece)?.into_iter().map(|id| id as i32));
        let Some(found) = found else { break };
        shown += 1;
        match positions.get(shown - 1) {
            Some(count) if found.number.parse() == Ok(shown) => {
                ids.extend(std::iter::repeat_n(-(shown as i32), *count));
            }
            _ => {
                let found = found.number.to_owned();
                return Err(PromptError::ImageNumber { found, expected: shown });
            }
        }
        rest = found.after;
    }
    if shown == positions.len() {
        return Ok(ids);
    }
    Err(PromptError::ImageCount {
        placeholders: shown,
        images: positions.len(),
        token: "<|image_N|>".to_owned(),
    })
}

struct Found<'a> {
    before: &'a str,
    /// The digits.
    number: &'a str,
    after: &'a str,
}

/// The first match of `<\|image_\d+\|>`.
fn next_placeholder(text: &str) -> Option<Found<'_>> {
    const OPEN: &str = "<|image_";
    text.match_indices(OPEN).find_map(|(at, _)| {
        let tail = &text[at + OPEN.len()..];
        let digits = tail.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
        let after = tail[digits..].strip_prefix("|>")?;
        Some(Found { before: &text[..at], number: &tail[..digits], after })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// BOS is 1, every character its own code.
    #[expect(clippy::unnecessary_wraps, reason = "a tokenizer may fail")]
    fn encode(text: &str) -> Result<Vec<u32>, PromptError> {
        Ok(std::iter::once(1).chain(text.chars().map(u32::from)).collect())
    }

    #[test]
    fn every_piece_has_its_own_bos_and_image_k_is_minus_k() {
        let ids = token_ids("a<|image_1|>b<|image_2|>", &[2, 1], encode).unwrap();
        assert_eq!(ids, [1, 97, -1, -1, 1, 98, -2, 1]);
        assert_eq!(token_ids("a", &[], encode).unwrap(), [1, 97]);
    }

    #[test]
    fn placeholders_have_to_count_the_images() {
        let refusal = |prompt, positions: &[usize]| {
            token_ids(prompt, positions, encode).unwrap_err().to_string()
        };
        assert!(refusal("<|image_2|>", &[1]).contains("shows <|image_2|> where image 1"));
        assert!(refusal("<|image_1|><|image_1|>", &[1, 1]).contains("where image 2"));
        assert!(refusal("<|image_1|><|image_2|>", &[1]).contains("where image 2"));
        assert!(refusal("text", &[1]).contains("0 <|image_N|> placeholders for 1 images"));
        assert!(refusal("<|image_99999999999999999999|>", &[1]).contains("where image 1"));
    }

    #[test]
    fn what_only_looks_like_a_placeholder_is_text() {
        for text in ["<|image_|>", "<|image_x|>", "<|image_1|", "<|image_<|image_1", "<|image|>"] {
            let expected: Vec<i32> = encode(text).unwrap().iter().map(|&id| id as i32).collect();
            assert_eq!(token_ids(text, &[], encode).unwrap(), expected);
        }
        let ids = token_ids("<|image_<|image_1|>", &[1], encode).unwrap();
        assert_eq!(&ids[ids.len() - 2..], [-1, 1]);
    }

    proptest! {
        #[test]
        fn any_text_is_tokenised_or_refused(text in "[<|>_a1-3 image\n]{0,40}") {
            if let Ok(ids) = token_ids(&text, &[2], encode) {
                prop_assert_eq!(ids.iter().filter(|&&id| id == -1).count(), 2);
            }
        }
    }
}

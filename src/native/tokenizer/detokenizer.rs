//! Turns generated ids into text as they come. The pieces join exactly to the text of
//! all ids and hold whole characters only; the work per token does not grow.
//!
//! `DecodeStream` of the `tokenizers` crate is not used: with byte fallback a later byte
//! changes text it has already returned, which it then reports as an error.

use serde_json::Value;

use super::{Tokenizer, TokenizerError};

/// Decodes one answer. Special tokens and unknown ids yield nothing.
pub struct StreamingDetokenizer<'t> {
    tokenizer: &'t Tokenizer,
    state: State,
}

/// What is held back, by the kind of decoder.
enum State {
    /// Byte-level BPE: bytes that do not complete a character yet, at most three
    /// between two calls.
    ByteLevel { bytes: Vec<u8> },
    /// SentencePiece-style: each token decodes by itself, except that adjacent byte
    /// tokens (`<0xE2>`) make one run and that the very first token is treated apart.
    /// `context` is the last token returned, `pending` what came after it.
    Tokenwise { context: Option<u32>, pending: Vec<u32> },
    /// A decoder that is not known to work piece by piece: all ids until the end.
    Whole { ids: Vec<u32> },
}

impl<'t> StreamingDetokenizer<'t> {
    pub(super) fn new(tokenizer: &'t Tokenizer) -> Self {
        let decoder = tokenizer.inner.get_decoder().map(serde_json::to_value);
        let state = match decoder {
            Some(Ok(decoder)) if kind(&decoder) == "ByteLevel" => {
                State::ByteLevel { bytes: Vec::new() }
            }
            Some(Ok(decoder)) if is_tokenwise(&decoder) => {
                State::Tokenwise { context: None, pending: Vec::new() }
            }
            _ => State::Whole { ids: Vec::new() },
        };
        Self { tokenizer, state }
    }

    /// Takes the next id and returns the text that is certain by now, if any.
    ///
    /// # Errors
    /// [`TokenizerError::Decode`], which known decoders never return.
    pub fn push(&mut self, id: u32) -> Result<Option<String>, TokenizerError> {
        let Some(token) = self.tokenizer.visible(id) else { return Ok(None) };
        let text = match &mut self.state {
            State::ByteLevel { bytes } => {
                extend_with_token(bytes, &token);
                let rest = bytes.split_off(bytes.len() - incomplete_suffix(bytes));
                let text = String::from_utf8_lossy(bytes).into_owned();
                *bytes = rest;
                text
            }
            State::Tokenwise { context, pending } => {
                pending.push(id);
                if is_byte_token(&token) {
                    return Ok(None);
                }
                let text = decode_after(self.tokenizer, *context, pending)?;
                *context = Some(id);
                pending.clear();
                text
            }
            State::Whole { ids } => {
                ids.push(id);
                return Ok(None);
            }
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Ends the answer and returns what was held back, if anything.
    ///
    /// # Errors
    /// [`TokenizerError::Decode`], which known decoders never return.
    pub fn finish(self) -> Result<Option<String>, TokenizerError> {
        let text = match self.state {
            State::ByteLevel { bytes } => String::from_utf8_lossy(&bytes).into_owned(),
            State::Tokenwise { context, pending } => {
                decode_after(self.tokenizer, context, &pending)?
            }
            State::Whole { ids } => self.tokenizer.decode(&ids)?,
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// Text that `ids` add behind `context`, which keeps them from being treated as the
/// beginning of the answer.
fn decode_after(
    tokenizer: &Tokenizer,
    context: Option<u32>,
    ids: &[u32],
) -> Result<String, TokenizerError> {
    let Some(context) = context else { return tokenizer.decode(ids) };
    let before = tokenizer.decode(&[context])?;
    let with_context: Vec<u32> = std::iter::once(context).chain(ids.iter().copied()).collect();
    let mut text = tokenizer.decode(&with_context)?;
    Ok(text.split_off(before.len().min(text.len())))
}

/// Bytes at the end that may be the beginning of a character: 0 to 3.
fn incomplete_suffix(bytes: &[u8]) -> usize {
    let tail = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    // An invalid sequence stays invalid; only one cut off by the end can be completed.
    match std::str::from_utf8(tail) {
        Err(error) if error.error_len().is_none() => tail.len(),
        _ => 0,
    }
}

/// Appends what a byte-level token stands for. A token with characters outside the
/// byte alphabet (an added token) stands for itself.
fn extend_with_token(bytes: &mut Vec<u8>, token: &str) {
    match token.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
        Some(decoded) => bytes.extend(decoded),
        None => bytes.extend(token.as_bytes()),
    }
}

/// Inverse of GPT-2's `bytes_to_unicode`: printable Latin-1 stands for itself, the other
/// 68 bytes for the characters from U+0100 on, in order.
fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// Whether the byte-fallback decoder takes a token for a byte (`<0x41>`).
fn is_byte_token(token: &str) -> bool {
    token.len() == 6
        && token.starts_with("<0x")
        && token.ends_with('>')
        && token.get(3..5).is_some_and(|hex| u8::from_str_radix(hex, 16).is_ok())
}

fn kind(decoder: &Value) -> &str {
    decoder.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Whether each token decodes by itself, but for byte runs and the first token: Metaspace,
/// or Llama's Replace, `ByteFallback`, Fuse, Strip of one leading character.
fn is_tokenwise(decoder: &Value) -> bool {
    let strips_one = |d: &Value| {
        d.get("start").and_then(Value::as_u64).is_some_and(|n| n <= 1)
            && d.get("stop").and_then(Value::as_u64) == Some(0)
    };
    match kind(decoder) {
        "Metaspace" => true,
        "Sequence" => {
            let steps = decoder.get("decoders").and_then(Value::as_array);
            let mut fused = false;
            steps.is_some_and(|steps| {
                steps.iter().all(|step| match kind(step) {
                    "Fuse" => {
                        fused = true;
                        true
                    }
                    "Replace" | "ByteFallback" => !fused,
                    "Strip" => fused && strips_one(step),
                    _ => false,
                })
            })
        }
        _ => false,
    }
}

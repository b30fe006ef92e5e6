//! Which tokens end an answer.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Tokenizer;
use crate::native::checkpoint::Checkpoint;

/// Ids after which generation stops:
/// - `eos_token_id` of `generation_config.json`, one id or a list: what the reference's
///   `generate` stops at;
/// - only if it names none, `eos_token_id` of config.json and of its `text_config`.
///   These are often left over from the base model, so they must not cut an answer short
///   that the reference would finish;
/// - `eos_token` of `tokenizer_config.json`;
/// - `turn_ends`, the tokens the family closes a turn with (`<end_of_utterance>`), as far
///   as the vocabulary has them.
pub fn stop_ids(
    checkpoint: &Checkpoint,
    tokenizer: &Tokenizer,
    turn_ends: &[&str],
) -> BTreeSet<u32> {
    let mut ids: BTreeSet<u32> = eos_ids(checkpoint.generation_config.as_ref()).collect();
    if ids.is_empty() {
        ids.extend(eos_ids(Some(&checkpoint.config)));
        ids.extend(eos_ids(checkpoint.config.get("text_config")));
    }
    let eos = checkpoint.special_token("eos_token");
    ids.extend(eos.iter().chain(turn_ends).filter_map(|token| tokenizer.id(token)));
    ids
}

fn eos_ids(config: Option<&Value>) -> impl Iterator<Item = u32> {
    let value = config.and_then(|config| config.get("eos_token_id"));
    let listed = value.and_then(Value::as_array).into_iter().flatten();
    value.into_iter().chain(listed).filter_map(|id| u32::try_from(id.as_u64()?).ok())
}

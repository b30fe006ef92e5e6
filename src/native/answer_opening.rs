//! Where turns part in the prompts of templates that close no turn with a token of its own.

use std::collections::BTreeSet;

use super::models::Architecture;
use crate::vlm::{Chat, Message};

/// The tokens that `model`'s template writes before an answer, such as those of ` ASSISTANT:`.
/// `None` where it closes answers with a token of `stop_ids`, which parts the turns already, or
/// where nothing stands before an answer.
pub fn answer_opening(model: &Architecture, stop_ids: &BTreeSet<u32>) -> Option<Vec<i32>> {
    let asked = vec![Message::user([], "a")];
    let answered = [asked.clone(), vec![Message::assistant("b")]];
    let ids = |messages, opens| {
        let chat = model.tokenize(&Chat { messages }, &[], opens).ok()?;
        Some(chat.token_ids)
    };
    let closes = |id: &i32| u32::try_from(*id).is_ok_and(|id| stop_ids.contains(&id));
    if ids(answered.concat(), false)?.iter().any(closes) {
        return None;
    }
    let (closed, mut opened) = (ids(asked.clone(), false)?, ids(asked, true)?);
    let shared = closed.iter().zip(&opened).take_while(|(closed, opened)| closed == opened).count();
    let opening = opened.split_off(shared);
    (!opening.is_empty()).then_some(opening)
}

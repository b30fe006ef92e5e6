//! Whether the prompt that a model got holds the conversation that was sent.

use crate::{
    results::HistoryCheck,
    vlm::{Chat, Generation},
};

/// Compares `chat` with what the model says it got. `expected` are the SHA-256 of the chat's
/// images, in order. Spaces are not compared: templates and tokenizers may change them.
pub fn check(chat: &Chat, expected: &[&str], reply: &Generation) -> HistoryCheck {
    let turns_found = reply.read_back.as_deref().map(|prompt| turns_found(chat, prompt));
    // An image without positions in the prompt was not seen.
    let images_found = if reply.usage.image_tokens == 0 { 0 } else { reply.image_sha256.len() };
    HistoryCheck {
        turns: chat.messages.len(),
        turns_found,
        images: expected.len(),
        images_found,
        images_match: reply.image_sha256 == expected,
    }
}

/// How many turns stand in `prompt`, each behind the one before it.
fn turns_found(chat: &Chat, prompt: &str) -> usize {
    let prompt = without_spaces(prompt);
    let mut rest = prompt.as_str();
    let mut found = 0;
    for message in &chat.messages {
        let text = without_spaces(&message.text());
        let Some((_, behind)) = rest.split_once(text.as_str()) else { continue };
        rest = behind;
        found += 1;
    }
    found
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::{Message, Usage};

    fn chat() -> Chat {
        let first = Message::user(["a.png".into()], "Describe it.");
        let turns = [Message::assistant("A red  dot."), Message::user([], "Which colour?")];
        Chat { messages: [first].into_iter().chain(turns).collect() }
    }

    fn reply(read_back: Option<&str>, images: &[&str]) -> Generation {
        Generation {
            read_back: read_back.map(str::to_owned),
            image_sha256: images.iter().map(ToString::to_string).collect(),
            usage: Usage { image_tokens: 64 * images.len(), ..Usage::default() },
            ..Generation::saying("")
        }
    }

    #[test]
    fn every_turn_and_image_that_is_there_is_found() {
        let prompt = "User:Describe it.<end>\nAssistant: A red dot.<end>\nUser: Which\ncolour?";
        let check = check(&chat(), &["aa"], &reply(Some(prompt), &["aa"]));
        assert_eq!((check.turns, check.turns_found), (3, Some(3)));
        assert_eq!((check.images, check.images_found, check.images_match), (1, 1, true));
    }

    #[test]
    fn a_lost_turn_a_swapped_turn_and_a_cut_turn_are_missed() {
        let found = |prompt| check(&chat(), &[], &reply(Some(prompt), &[])).turns_found;
        assert_eq!(found("Describe it. Which colour?"), Some(2));
        assert_eq!(found("A red dot. Describe it. Which colour?"), Some(2));
        assert_eq!(found("Describe it. A red do Which colour?"), Some(2));
        assert_eq!(check(&chat(), &[], &reply(None, &[])).turns_found, None);
    }

    #[test]
    fn another_image_and_none_at_all_are_told_apart() {
        let other = check(&chat(), &["aa"], &reply(None, &["bb"]));
        assert_eq!((other.images_found, other.images_match), (1, false));
        let none = check(&chat(), &["aa"], &reply(None, &[]));
        assert_eq!((none.images_found, none.images_match), (0, false));
    }

    #[test]
    fn an_image_without_positions_in_the_prompt_was_not_shown() {
        let mut unseen = reply(None, &["aa"]);
        unseen.usage.image_tokens = 0;
        assert_eq!(check(&chat(), &["aa"], &unseen).images_found, 0);
    }
}

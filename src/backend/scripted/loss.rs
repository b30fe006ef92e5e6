//! Ways for a backend to give a model less than it was sent, without an error.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    sha256,
    vlm::{Chat, Content, Message},
};

/// Characters that are left of an earlier turn.
const BEGINNING: usize = 20;

/// What the model never gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Loss {
    /// All turns but the last.
    History,
    /// All of an earlier turn but its beginning.
    Ends,
    /// Every image.
    Images,
    /// What is on them: it is shown a blank one instead.
    Pixels,
}

impl Loss {
    /// What arrives of `chat`.
    pub(super) fn of(self, chat: &Chat) -> Cow<'_, Chat> {
        let messages = &chat.messages;
        let left = match self {
            Self::Pixels => return Cow::Borrowed(chat),
            Self::History => messages.last().cloned().into_iter().collect(),
            Self::Images => with_content(messages, |content| match content {
                Content::Image { .. } => None,
                Content::Text { .. } => Some(content.clone()),
            }),
            Self::Ends => {
                let (last, earlier) = match messages.split_last() {
                    Some((last, earlier)) => (Some(last.clone()), earlier),
                    None => (None, &[][..]),
                };
                let mut left = with_content(earlier, |content| Some(beginning(content)));
                left.extend(last);
                left
            }
        };
        Cow::Owned(Chat { messages: left })
    }

    /// The digest of what is shown instead of an image, if it is another one.
    pub(super) fn substitute(self) -> Option<String> {
        (self == Self::Pixels).then(|| sha256::of_bytes(b"blank"))
    }
}

fn with_content(messages: &[Message], keep: fn(&Content) -> Option<Content>) -> Vec<Message> {
    let left = |message: &Message| Message {
        role: message.role,
        content: message.content.iter().filter_map(keep).collect(),
    };
    messages.iter().map(left).collect()
}

fn beginning(content: &Content) -> Content {
    match content {
        Content::Text { text } => Content::Text { text: text.chars().take(BEGINNING).collect() },
        Content::Image { .. } => content.clone(),
    }
}

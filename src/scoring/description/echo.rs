//! Whether a reply only repeats what it was asked.

use std::collections::HashSet;

use super::words;

/// Words in a row that a reply must share with its prompt to count as taken from it.
const RUN: usize = 4;
/// Share of a reply's words taken from its prompt that makes it an echo, in tenths.
const TENTHS: usize = 9;

/// Whether `reply` says nothing but its `prompt`: at least nine tenths of its words lie in runs
/// of four or more that stand in the prompt. A reply of fewer than four words is an echo when the
/// prompt begins with it: a short answer may well use words of its question. Special tokens in
/// angle brackets are no words.
///
/// ```
/// use vlm_test::scoring::description::is_echo;
/// let prompt = "User:<image>Describe what you see in this image.<end_of_utterance>\nAssistant:";
/// assert!(is_echo("User: Describe what you see in this image. Assistant:", prompt));
/// assert!(!is_echo("What you see in this image is a cat.", prompt));
/// ```
pub fn is_echo(reply: &str, prompt: &str) -> bool {
    let (reply, prompt) = (words(&without_tokens(reply)), words(&without_tokens(prompt)));
    if reply.len() < RUN {
        return !reply.is_empty() && prompt.starts_with(&reply);
    }
    let asked: HashSet<&[String]> = prompt.windows(RUN).collect();
    // Words before `counted` are known to be taken or not.
    let (mut counted, mut taken) = (0, 0);
    for (at, run) in reply.windows(RUN).enumerate() {
        if asked.contains(run) {
            taken += at + RUN - counted.max(at);
            counted = at + RUN;
        }
    }
    taken * 10 >= reply.len() * TENTHS
}

/// `text` with a space for each `<…>` that has no white space in it.
fn without_tokens(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut pieces = text.split('<');
    kept.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_once('>') {
            Some((name, rest)) if !name.contains(char::is_whitespace) => {
                kept.push(' ');
                kept.push_str(rest);
            }
            _ => {
                kept.push('<');
                kept.push_str(piece);
            }
        }
    }
    kept
}

//! Whether a reply only repeats what it was asked.

use std::collections::HashSet;

/// Words in a row that a reply must share with its prompt to count as taken from it.
const RUN: usize = 4;
/// Share of a reply's words taken from its prompt that makes it an echo, in tenths.
const TENTHS: usize = 9;

/// Whether `reply` says nothing but its `prompt`: at least nine tenths of its words lie in runs
/// of four or more that stand in the prompt. A reply of fewer than four words is an echo when the
/// prompt begins with it: a short answer may well use words of its question.
///
/// ```
/// use vlm_test::scoring::description::{is_echo, words};
/// let prompt = words("User: Describe what you see in this image.");
/// assert!(is_echo(&words("Describe what you see in this image."), &prompt));
/// assert!(!is_echo(&words("What you see in this image is a cat."), &prompt));
/// ```
pub fn is_echo(reply: &[String], prompt: &[String]) -> bool {
    if reply.len() < RUN {
        return !reply.is_empty() && prompt.starts_with(reply);
    }
    let asked: HashSet<&[String]> = prompt.windows(RUN).collect();
    // Words before this place are known to be taken or not.
    let (mut counted, mut taken) = (0, 0);
    for (at, run) in reply.windows(RUN).enumerate() {
        if asked.contains(run) {
            taken += at + RUN - counted.max(at);
            counted = at + RUN;
        }
    }
    taken * 10 >= reply.len() * TENTHS
}

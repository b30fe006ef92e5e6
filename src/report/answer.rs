//! What `vlm-test ask` shows for people: the answer, then one line of figures.

use super::{
    text::escape_keeping_lines,
    units::{bytes, milliseconds, tokens_per_second},
};
use crate::{
    memory::QuestionMemory,
    vlm::{FinishReason, Generation},
};

/// The answer's text with what a terminal could act on spelled out, and a newline.
pub fn text(generation: &Generation) -> String {
    escape_keeping_lines(&generation.answer) + "\n"
}

/// One line on how the answer came about.
pub fn figures(generation: &Generation, memory: Option<&QuestionMemory>) -> String {
    let (usage, timings) = (generation.usage, generation.timings);
    let mut parts = vec![
        format!("{} prompt tokens ({} of images)", usage.prompt_tokens, usage.image_tokens),
        format!("{} tokens", usage.completion_tokens),
        format!("first after {}", milliseconds(timings.time_to_first_token)),
    ];
    parts.extend(timings.tokens_per_second.map(tokens_per_second));
    parts.extend(memory.map(|memory| format!("peak {}", bytes(memory.peak_bytes))));
    if generation.finish_reason == FinishReason::Length {
        parts.push("cut off by --max-tokens".to_owned());
    }
    parts.join(" · ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::{Timings, Usage};

    #[test]
    fn a_cut_answer_says_so_and_control_codes_are_spelled_out() {
        let generation = Generation {
            finish_reason: FinishReason::Length,
            usage: Usage {
                prompt_tokens: 90,
                image_tokens: 64,
                cached_tokens: 0,
                completion_tokens: 3,
                prefill_chunk: 512,
            },
            timings: Timings {
                time_to_first_token: 41.2,
                tokens_per_second: Some(210.0),
                ..Timings::default()
            },
            ..Generation::saying("a \u{1b}[2Jcat\nand")
        };
        assert_eq!(text(&generation), "a \\u{1b}[2Jcat\nand\n");
        let expected = "90 prompt tokens (64 of images) · 3 tokens · first after 41 ms · 210.0 tokens/s \
                        · cut off by --max-tokens\n";
        assert_eq!(figures(&generation, None), expected);
    }
}

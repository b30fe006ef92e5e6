//! From what a model wrote to the short answer in it: the first line that says
//! something, without chat-template debris. Never a search for an expected answer.

/// Tokens of the chat templates that can leak into the text. One that opens a
/// turn is listed with the role that follows it.
const SPECIAL_TOKENS: [&str; 18] = [
    "<|im_start|>assistant",
    "<|start_header_id|>assistant<|end_header_id|>",
    "<start_of_turn>model",
    "<end_of_utterance>",
    "<end_of_turn>",
    "<|im_start|>",
    "<|im_end|>",
    "<|assistant|>",
    "<|endoftext|>",
    "<|end|>",
    "<|eot_id|>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "</s>",
    "<s>",
    "[/INST]",
];

/// What may stand before the colon of a role prefix, in lower case.
const ROLES: [&str; 5] = ["assistant", "answer", "short answer", "final answer", "a"];

/// The short answer in `raw`; empty if there is none.
///
/// Line by line: white space, special tokens and role prefixes (`Assistant:`,
/// `Answer:`, `Short answer:`, `Final answer:`, `A:`, in any case) are removed
/// from the front, and the line ends at the next special token. The first line
/// with something left is the answer. Quotes, case and punctuation stay:
/// normalisation is the metric's business.
///
/// ```
/// use vlm_test::scoring::extract_short_answer;
/// assert_eq!(extract_short_answer("Assistant: red<end_of_utterance>"), "red");
/// assert_eq!(extract_short_answer("\nA:\nTwo dogs.\nThey play."), "Two dogs.");
/// assert_eq!(extract_short_answer("</s>"), "");
/// ```
pub fn extract_short_answer(raw: &str) -> &str {
    raw.split(['\n', '\r']).map(answer_of_line).find(|line| !line.is_empty()).unwrap_or("")
}

/// What a line says: without debris in front, up to the next special token.
pub(super) fn answer_of_line(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some(shorter) = without_token(rest).or_else(|| without_role(rest)) {
        rest = shorter.trim_start();
    }
    let end = SPECIAL_TOKENS.iter().filter_map(|token| rest.find(token)).min();
    end.and_then(|end| rest.get(..end)).unwrap_or(rest).trim_end()
}

/// `text` without the special token it starts with.
fn without_token(text: &str) -> Option<&str> {
    SPECIAL_TOKENS.iter().find_map(|token| text.strip_prefix(token))
}

/// `text` without the role prefix it starts with.
fn without_role(text: &str) -> Option<&str> {
    let (role, rest) = text.split_once(':')?;
    let role = role.trim_end();
    ROLES.iter().any(|known| role.eq_ignore_ascii_case(known)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_answer_stays_as_it_is() {
        for answer in ["yes", "2:50pm", "\"stop\"", "a cat", "Yes.", "<3", "b: c"] {
            assert_eq!(extract_short_answer(answer), answer);
        }
    }

    #[test]
    fn role_prefixes_go_in_any_case_and_one_after_another() {
        assert_eq!(extract_short_answer("ASSISTANT: Answer : blue"), "blue");
        assert_eq!(extract_short_answer("Short answer: left"), "left");
    }

    #[test]
    fn a_role_word_without_a_colon_is_an_answer() {
        assert_eq!(extract_short_answer("assistant"), "assistant");
    }

    #[test]
    fn a_leaked_turn_start_is_not_an_answer() {
        assert_eq!(extract_short_answer("<|im_start|>assistant\nyes<|im_end|>\n<s>no"), "yes");
        assert_eq!(extract_short_answer("<s> [/INST] Answer: no</s>"), "no");
    }

    #[test]
    fn the_line_ends_at_the_next_special_token() {
        assert_eq!(extract_short_answer("red <|end|> blue"), "red");
    }

    #[test]
    fn nothing_but_debris_is_no_answer() {
        for raw in ["", " \r\n\t", "Answer:", "</s><|im_end|>", "A:\nAssistant:\n<pad>"] {
            assert_eq!(extract_short_answer(raw), "");
        }
    }

    proptest! {
        #[test]
        fn the_answer_is_a_trimmed_piece_of_the_text_and_extracting_it_again_changes_nothing(
            raw in "(A:|answer:|</s>|<pad>|[a-zé ]|\n|:){0,12}"
        ) {
            let answer = extract_short_answer(&raw);
            prop_assert!(raw.contains(answer) && answer.trim() == answer);
            prop_assert_eq!(extract_short_answer(answer), answer);
        }
    }
}

//! Visual question answering: one image, one question, a short answer, scored with
//! the field's metric.

use crate::{
    dataset::Question,
    scoring,
    vlm::{Chat, FinishReason, Generation, Message},
};

/// Asks for the short answers that the metric compares; the usual line of the field.
pub const DEFAULT_PROMPT_SUFFIX: &str = "Answer the question using a single word or phrase.";

/// The user's turn: the image, the question and, on a line of its own, the suffix.
pub fn chat(question: &Question, suffix: &str) -> Chat {
    let mut text = question.text.clone();
    if !suffix.is_empty() {
        text.push('\n');
        text.push_str(suffix);
    }
    Chat { messages: vec![Message::user([question.image.clone()], text)] }
}

/// What an answer is worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It says something, and so has a score.
    Scored {
        /// The text as generated.
        raw: String,
        /// What was made of it, and what that is worth.
        scored: scoring::Scored,
        /// Whether the answer was cut off.
        finish_reason: FinishReason,
    },
    /// It says nothing, and so has none.
    Empty {
        /// The text as generated.
        raw: String,
    },
}

/// Judges an answer to an annotated question.
pub fn judge(question: &Question, generation: &Generation) -> Judgement {
    let raw = generation.answer.clone();
    match scoring::score(&raw, &question.answers) {
        Some(scored) => Judgement::Scored { raw, scored, finish_reason: generation.finish_reason },
        None => Judgement::Empty { raw },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::{Content, Role, Timings, Usage};

    fn question() -> Question {
        Question {
            id: 7,
            image_id: 1,
            text: "What color is the circle?".into(),
            question_type: None,
            answer_type: None,
            answers: vec!["red".into(); 10],
            image: "a.png".into(),
            index: 0,
        }
    }

    fn generation(answer: &str) -> Generation {
        Generation {
            answer: answer.into(),
            finish_reason: FinishReason::Stop,
            prompt: String::new(),
            prompt_token_ids: Vec::new(),
            token_ids: Vec::new(),
            logprobs: Vec::new(),
            candidates: Vec::new(),
            read_back: None,
            image_sha256: Vec::new(),
            usage: Usage::default(),
            timings: Timings::default(),
        }
    }

    #[test]
    fn the_image_comes_first_and_the_suffix_on_a_line_of_its_own() {
        let text_of = |suffix| match &chat(&question(), suffix).messages[0].content[..] {
            [Content::Image { path }, Content::Text { text }] if path.ends_with("a.png") => {
                text.clone()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(chat(&question(), "").messages[0].role, Role::User);
        assert_eq!(text_of("Be brief."), "What color is the circle?\nBe brief.");
        assert_eq!(text_of(""), "What color is the circle?");
    }

    #[test]
    fn an_answer_that_says_nothing_has_no_score() {
        assert_eq!(judge(&question(), &generation(" \n")), Judgement::Empty { raw: " \n".into() });
        let Judgement::Scored { scored, .. } = judge(&question(), &generation(" red")) else {
            panic!()
        };
        assert!((scored.scores.official - 1.0).abs() < 1e-12);
    }
}

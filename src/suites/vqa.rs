//! Visual question answering: one image, one question, a short answer, scored with
//! the field's metric.

use super::{Item, Prompt, Replies, Suite};
use crate::{
    dataset::Question,
    results::{About, AboutVqa, Cause, Judgement, Outcome},
    scoring,
    vlm::{Chat, Generation, GenerationOptions, Message},
};

/// Asks for the short answers that the metric compares; the usual line of the field.
pub const DEFAULT_PROMPT_SUFFIX: &str = "Answer the question using a single word or phrase.";

/// The questions of a dataset.
#[derive(Debug)]
pub struct Vqa {
    questions: Vec<Question>,
    items: Vec<Item>,
    max_tokens: usize,
}

impl Vqa {
    /// Asks `questions`, each for an answer of at most `max_tokens`.
    pub fn new(questions: Vec<Question>, max_tokens: usize) -> Self {
        let mut groups = std::collections::HashMap::new();
        let items = questions
            .iter()
            .map(|question| {
                let next = groups.len() as u64;
                Item {
                    id: question.id,
                    image: Some(question.image.clone()),
                    group: *groups.entry(question.image.clone()).or_insert(next),
                    question: question.text.clone(),
                }
            })
            .collect();
        Self { questions, items, max_tokens }
    }
}

impl Suite for Vqa {
    fn name(&self) -> &'static str {
        "vqa"
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn about(&self, item: usize, suffix: &str) -> About {
        let question = &self.questions[item];
        About::Vqa(AboutVqa {
            image_id: question.image_id,
            prompt_suffix: suffix.to_owned(),
            question_type: question.question_type.clone().unwrap_or_default(),
            answer_type: question.answer_type.clone().unwrap_or_default(),
            references: question.answers.clone(),
        })
    }

    fn prompt(
        &self,
        item: usize,
        suffix: &str,
        _replies: &Replies,
    ) -> Result<Prompt, Box<Outcome>> {
        let question = &self.questions[item];
        if question.answers.is_empty() {
            let id = question.id;
            let message =
                format!("question {id} has no annotation, so its answer cannot be scored");
            return Err(Box::new(Outcome::Error { message, cause: Cause::Dataset }));
        }
        let options = GenerationOptions { max_tokens: self.max_tokens, ..Default::default() };
        Ok(Prompt { chat: chat(question, suffix), options })
    }

    fn judge(&self, item: usize, _: &str, reply: &Generation, _: &Replies) -> Outcome {
        judge(&self.questions[item], reply)
    }
}

/// The user's turn: the image, the question and, on a line of its own, the suffix.
fn chat(question: &Question, suffix: &str) -> Chat {
    let mut text = question.text.clone();
    if !suffix.is_empty() {
        text.push('\n');
        text.push_str(suffix);
    }
    Chat { messages: vec![Message::user([question.image.clone()], text)] }
}

/// An answer that says something has a score; one that says nothing has none.
fn judge(question: &Question, reply: &Generation) -> Outcome {
    let raw = reply.answer.clone();
    match scoring::score(&raw, &question.answers) {
        Some(scored) => Outcome::Answered {
            raw,
            finish_reason: reply.finish_reason,
            judgement: Judgement::Vqa(scored),
        },
        None => Outcome::Empty { raw },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vlm::{Content, Role};

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
        Generation::saying(answer)
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
        assert_eq!(judge(&question(), &generation(" \n")), Outcome::Empty { raw: " \n".into() });
        let outcome = judge(&question(), &generation(" red"));
        let Outcome::Answered { judgement: Judgement::Vqa(scored), .. } = outcome else { panic!() };
        assert!((scored.scores.official - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_question_without_annotation_is_not_asked() {
        let suite = Vqa::new(vec![Question { answers: Vec::new(), ..question() }], 8);
        let ended = suite.prompt(0, "", &Replies::new()).unwrap_err();
        assert!(matches!(*ended, Outcome::Error { cause: Cause::Dataset, .. }));
    }

    #[test]
    fn questions_about_one_image_share_a_group() {
        let other = Question { image: "b.png".into(), ..question() };
        let suite = Vqa::new(vec![question(), other, question()], 8);
        let groups: Vec<_> = suite.items().iter().map(|item| item.group).collect();
        assert_eq!(groups, [0, 1, 0]);
    }
}

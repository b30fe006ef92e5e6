//! What the validity of a conversation's result is judged by, counted over its steps.

use super::{About, Cause, HistoryCheck, Judgement, Part, QuestionResult};
use crate::scoring::context::{Description, Evidence};

/// Counts what was checked in `questions`; `not_asked` more steps were planned.
pub(super) fn evidence(questions: &[QuestionResult], not_asked: usize) -> Evidence {
    let mut evidence =
        Evidence { expected_calls: questions.len() + not_asked, ..Evidence::default() };
    let mut descriptions = Vec::new();
    for question in questions {
        let too_long = Some(Cause::ContextLength) == question.outcome.cause();
        evidence.prompts_too_long += usize::from(too_long);
        let (Some(part), Some((history, same_again))) = (part(question), made(question)) else {
            continue;
        };
        evidence.made_calls += 1;
        count_history(&mut evidence, history);
        if let Some(same) = same_again {
            evidence.repeats += 1;
            evidence.repeats_differed += usize::from(!same);
        }
        if part == Part::Describe {
            descriptions.push(Description {
                image: question.image_key(),
                prompt: &question.question,
                reply: question.outcome.raw().unwrap_or_default(),
            });
        }
    }
    evidence.count_descriptions(&descriptions);
    evidence
}

fn part(question: &QuestionResult) -> Option<Part> {
    match &question.about {
        About::Context(about) => Some(about.part),
        About::Recall(about) => Some(about.part),
        About::Vqa(_) | About::Description(_) | About::Soak(_) => None,
    }
}

/// Of a call that gave a reply: what its prompt held, and whether a repeat gave the same.
fn made(question: &QuestionResult) -> Option<(HistoryCheck, Option<bool>)> {
    match question.outcome.judgement()? {
        Judgement::Context(judgement) => Some((judgement.history, judgement.same_again)),
        Judgement::Recall(judgement) => Some((judgement.history, judgement.same_again)),
        Judgement::Vqa(_) | Judgement::Description(_) => None,
    }
}

fn count_history(evidence: &mut Evidence, history: HistoryCheck) {
    match history.turns_found {
        None => evidence.unread_prompts += 1,
        Some(found) => {
            evidence.checked_prompts += 1;
            evidence.missing_turns += usize::from(found < history.turns);
        }
    }
    let count_differs = history.images_found != history.images;
    evidence.wrong_image_counts += usize::from(count_differs);
    evidence.substitute_images += usize::from(!count_differs && !history.images_match);
}

//! What the descriptions of images give: how many are sound, how much of what is known they
//! mention, whether the model takes text alone, and what each image cost.

use serde::{Deserialize, Serialize};

use super::{
    AboutDescription, Described, Outcome, QuestionResult, Subject, spread::Spread, summary::Course,
};
use crate::scoring::description::{Ending, Recall, identical, mentioned};

/// The figures of a run that has images described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribeFigures {
    /// Images that were reached.
    pub images: usize,
    /// Those with a description.
    pub described: usize,
    /// Descriptions that no check speaks against.
    pub sound: usize,
    /// How many descriptions each check speaks against.
    pub checks: CheckCounts,
    /// Places of images with the same description as a different image, group by group.
    pub identical: Vec<Vec<usize>>,
    /// Facts that the descriptions mention; `None` where none is known.
    pub recall: Option<RecallFigures>,
    /// Whether the model takes text alone.
    pub text_only: TextOnly,
    /// What each image cost, in dataset order.
    pub by_image: Vec<ImageCost>,
}

/// How many images have a description that says nothing or that a check speaks against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Without a word; not among the described.
    pub empty: usize,
    /// The prompt said back.
    pub echo: usize,
    /// Cut off by the limit behind a letter or digit.
    pub cut_off_in_word: usize,
    /// Going round in circles.
    pub repetitive: usize,
    /// The same as a different image's.
    pub identical: usize,
}

/// Facts that descriptions mention, over the described images of which some are known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallFigures {
    /// Facts known of them.
    pub facts: usize,
    /// Of these, mentioned.
    pub mentioned: usize,
    /// `mentioned` / `facts`.
    pub share: f64,
    /// The same share when each description is held against the facts of the next of these images
    /// instead of its own: what is mentioned by chance. `None` below two images.
    pub of_next_image: Option<f64>,
}

/// Replies to the prompts without an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextOnly {
    /// Prompts that were reached.
    pub prompts: usize,
    /// Those with a reply.
    pub answered: usize,
    /// Replies that hold the answer.
    pub right: usize,
}

/// What one image cost. Memory is what the allocator holds, in use and for reuse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ImageCost {
    /// Its place among the run's questions, from 1.
    pub position: usize,
    /// Decoding, resizing and normalising it, and preparing the prompt, in milliseconds.
    pub load_ms: Option<f64>,
    /// Tokens after the first per second of decode.
    pub tokens_per_second: Option<f64>,
    /// Bytes held before it.
    pub before_bytes: Option<u64>,
    /// Bytes held after it.
    pub after_bytes: Option<u64>,
    /// Bytes held after the clean-up that followed it, if one did before the next image.
    pub after_cleanup_bytes: Option<u64>,
}

/// A reply with what is known of its subject.
type Reply<'a> = (&'a QuestionResult, &'a AboutDescription, Option<(&'a str, &'a Described)>);

impl DescribeFigures {
    /// The figures of `questions`, in dataset order.
    pub fn of(questions: &[QuestionResult], course: Course<'_>) -> Self {
        let replies = || questions.iter().filter_map(reply);
        let images: Vec<_> =
            replies().filter(|(_, about, _)| about.subject == Subject::Image).collect();
        let described =
            || images.iter().filter_map(|(question, _, said)| Some((*question, (*said)?)));
        let identical = identical_images(described());
        let alike: std::collections::HashSet<_> = identical.iter().flatten().collect();
        let checks = || described().map(|(_, (_, it))| it.checks);
        let sound = described().filter(|(question, (_, it))| {
            it.checks.passed() && !alike.contains(&question.position)
        });
        Self {
            images: images.len(),
            described: described().count(),
            sound: sound.count(),
            checks: CheckCounts {
                empty: images.iter().filter(|(question, ..)| is_empty(question)).count(),
                echo: checks().filter(|it| it.echo).count(),
                cut_off_in_word: checks().filter(|it| it.ending == Ending::InWord).count(),
                repetitive: checks().filter(|it| it.repetitive).count(),
                identical: alike.len(),
            },
            identical,
            recall: RecallFigures::of(&images),
            text_only: TextOnly::of(replies()),
            by_image: costs(images.iter().map(|(question, ..)| *question), course),
        }
    }

    /// Median time to load an image, in milliseconds.
    pub fn load_ms(&self) -> Option<f64> {
        Spread::of(self.by_image.iter().filter_map(|image| image.load_ms)).map(|it| it.median)
    }
}

fn reply(question: &QuestionResult) -> Option<Reply<'_>> {
    let about = question.description()?;
    let said = match &question.outcome {
        Outcome::Answered { raw, judgement, .. } => {
            judgement.described().map(|described| (raw.as_str(), described))
        }
        _ => None,
    };
    Some((question, about, said))
}

fn is_empty(question: &QuestionResult) -> bool {
    matches!(question.outcome, Outcome::Empty { .. })
}

/// Places of images described alike. Two files with one content are one image.
fn identical_images<'a>(
    described: impl Iterator<Item = (&'a QuestionResult, (&'a str, &'a Described))>,
) -> Vec<Vec<usize>> {
    let (mut positions, mut replies) = (Vec::new(), Vec::new());
    for (question, (raw, _)) in described {
        positions.push(question.position);
        replies.push((question.image_sha256.as_ref().or(question.image.as_ref()), raw));
    }
    let groups = identical(replies).into_iter();
    groups
        .map(|group| group.into_iter().filter_map(|at| positions.get(at).copied()).collect())
        .collect()
}

impl RecallFigures {
    fn of(images: &[Reply<'_>]) -> Option<Self> {
        let known: Vec<_> = images
            .iter()
            .filter(|(_, about, _)| !about.facts.is_empty())
            .filter_map(|(_, about, said)| Some((about, (*said)?)))
            .collect();
        let own: Recall = known.iter().map(|(_, (_, described))| described.recall()).sum();
        let next = known.iter().cycle().skip(1);
        let others: Recall = known
            .iter()
            .zip(next)
            .map(|((_, (raw, _)), (about, _))| Recall::of(&mentioned(raw, &about.facts)))
            .sum();
        Some(Self {
            facts: own.facts,
            mentioned: own.mentioned,
            share: own.share()?,
            of_next_image: others.share().filter(|_| known.len() > 1),
        })
    }
}

impl TextOnly {
    fn of<'a>(replies: impl Iterator<Item = Reply<'a>>) -> Self {
        let mut counts = Self::default();
        for (_, about, said) in replies.filter(|(_, about, _)| about.subject == Subject::TextOnly) {
            let right = |(_, described): (&str, &Described)| {
                described.recall().mentioned == about.facts.len()
            };
            counts.prompts += 1;
            counts.answered += usize::from(said.is_some());
            counts.right += usize::from(said.is_some_and(right));
        }
        counts
    }
}

/// What each of `images` cost. A clean-up belongs to the last image asked before it; images are
/// asked in dataset order, so that a place in it is a place in the order asked.
fn costs<'a>(
    images: impl Iterator<Item = &'a QuestionResult>,
    course: Course<'_>,
) -> Vec<ImageCost> {
    let mut costs: Vec<_> = images.map(ImageCost::of).collect();
    for record in course.cleanups {
        let asked_before = |cost: &ImageCost| {
            record.before_question.is_none_or(|question| cost.position < question)
        };
        let count = costs.partition_point(asked_before);
        if let Some(last) = count.checked_sub(1).and_then(|at| costs.get_mut(at)) {
            last.after_cleanup_bytes = Some(record.active_after_bytes + record.cache_after_bytes);
        }
    }
    costs
}

impl ImageCost {
    fn of(question: &QuestionResult) -> Self {
        let (timings, memory) = (question.timings_ms, question.memory);
        Self {
            position: question.position,
            load_ms: timings.map(|timings| timings.preprocess),
            tokens_per_second: timings.and_then(|timings| timings.tokens_per_second),
            before_bytes: memory.map(|it| it.active_before_bytes + it.cache_before_bytes),
            after_bytes: memory.map(|it| it.active_bytes + it.cache_bytes),
            after_cleanup_bytes: None,
        }
    }
}

#[cfg(test)]
mod tests;

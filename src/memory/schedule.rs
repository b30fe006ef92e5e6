//! When to clean up: a pure function of a question's position, so that a worker that
//! starts in the middle of a run neither repeats a clean-up nor skips one.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Where in a run a question stands, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The question's position among the model's questions.
    pub question: usize,
    /// The position of its image among the distinct images so far.
    pub image: usize,
    /// Whether no earlier question was about this image.
    #[serde(default)]
    pub opens_image: bool,
}

/// Counts a model's questions and the distinct images they are about.
#[derive(Debug, Clone, Default)]
pub struct StepCounter {
    questions: usize,
    images: HashMap<String, usize>,
}

impl StepCounter {
    /// The step of the next question, which is about `image` (any key that names it) or about
    /// none: that one counts with the image before it.
    ///
    /// ```
    /// use vlm_test::memory::{Step, StepCounter};
    /// let mut steps = StepCounter::default();
    /// steps.next(Some("cat.jpg"));
    /// assert_eq!(steps.next(Some("dog.jpg")), Step { question: 2, image: 2, opens_image: true });
    /// assert_eq!(steps.next(Some("cat.jpg")), Step { question: 3, image: 1, opens_image: false });
    /// ```
    pub fn next(&mut self, image: Option<&str>) -> Step {
        self.questions += 1;
        let Some(image) = image else {
            let image = self.images.len();
            return Step { question: self.questions, image, opens_image: false };
        };
        let seen = self.images.get(image).copied();
        let position = seen.unwrap_or(self.images.len() + 1);
        if seen.is_none() {
            self.images.insert(image.to_owned(), position);
        }
        Step { question: self.questions, image: position, opens_image: seen.is_none() }
    }
}

/// How often to clean up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupSchedule {
    /// Nothing is cleared, limited or watched: MLX is left to itself.
    Off,
    /// When growth and pressure ask for it.
    Adaptive,
    /// Only at the end of a model, and under pressure.
    Never,
    /// Before questions n+1, 2n+1, …
    EveryQuestions(usize),
    /// Before the first question of images n+1, 2n+1, …
    EveryImages(usize),
}

impl CleanupSchedule {
    /// Before questions n+1, 2n+1, …; never for 0.
    pub fn every_questions(n: usize) -> Self {
        if n == 0 { Self::Never } else { Self::EveryQuestions(n) }
    }

    /// Before the first question of images n+1, 2n+1, …; never for 0.
    pub fn every_images(n: usize) -> Self {
        if n == 0 { Self::Never } else { Self::EveryImages(n) }
    }

    /// Whether to clean up before the question at `step`.
    ///
    /// ```
    /// use vlm_test::memory::{CleanupSchedule, Step};
    /// let due = |question| {
    ///     CleanupSchedule::every_questions(5).due(Step { question, image: 1, opens_image: false })
    /// };
    /// assert_eq!((1..=16).filter(|&q| due(q)).collect::<Vec<_>>(), [6, 11, 16]);
    /// ```
    pub fn due(self, step: Step) -> bool {
        match self {
            Self::Off | Self::Adaptive | Self::Never => false,
            Self::EveryQuestions(n) => opens_block(step.question, n),
            Self::EveryImages(n) => step.opens_image && opens_block(step.image, n),
        }
    }
}

/// Whether `position` is n+1, 2n+1, … . A schedule read from a file may hold n = 0.
fn opens_block(position: usize, n: usize) -> bool {
    n > 0 && position > n && (position - 1).is_multiple_of(n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn due_positions(schedule: CleanupSchedule, images: &[u8]) -> Vec<usize> {
        let mut steps = StepCounter::default();
        let steps = images.iter().map(|image| steps.next(Some(&image.to_string())));
        steps.filter(|&step| schedule.due(step)).map(|step| step.question).collect()
    }

    #[test]
    fn zero_means_never() {
        assert_eq!(CleanupSchedule::every_questions(0), CleanupSchedule::Never);
        assert_eq!(CleanupSchedule::every_images(0), CleanupSchedule::Never);
        let many = vec![0; 100];
        assert!(due_positions(CleanupSchedule::Never, &many).is_empty());
        assert!(due_positions(CleanupSchedule::EveryQuestions(0), &many).is_empty());
        assert!(due_positions(CleanupSchedule::EveryImages(0), &many).is_empty());
    }

    #[test]
    fn every_image_schedule_waits_for_the_first_question_of_the_fourth_image() {
        let images = [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 1, 4, 5, 6, 7, 7];
        assert_eq!(due_positions(CleanupSchedule::every_images(3), &images), [9, 15]);
    }

    #[test]
    fn one_means_before_every_question_but_the_first() {
        assert_eq!(due_positions(CleanupSchedule::every_questions(1), &[0; 4]), [2, 3, 4]);
    }

    proptest! {
        #[test]
        fn question_clean_ups_are_exactly_n_apart_from_n_plus_one_on(n in 1usize..40, count in 0usize..300) {
            let due = due_positions(CleanupSchedule::every_questions(n), &vec![0; count]);
            let expected: Vec<_> = (n + 1..=count).step_by(n).collect();
            prop_assert_eq!(due, expected);
        }

        #[test]
        fn a_worker_that_starts_anywhere_cleans_up_where_an_undisturbed_one_would(
            n in 1usize..9,
            images in proptest::collection::vec(0u8..20, 1..120),
            restart in 0usize..120,
            by_image: bool,
        ) {
            let schedule = if by_image { CleanupSchedule::every_images(n) } else { CleanupSchedule::every_questions(n) };
            let mut steps = StepCounter::default();
            let steps: Vec<Step> = images.iter().map(|image| steps.next(Some(&image.to_string()))).collect();
            let (before, after) = steps.split_at(restart.min(steps.len()));
            // Each worker has the schedule alone; nothing else passes from one to the next.
            let first = before.iter().filter(|&&step| schedule.due(step));
            let second = after.iter().filter(|&&step| schedule.due(step));
            let both: Vec<_> = first.chain(second).map(|step| step.question).collect();
            prop_assert_eq!(both, due_positions(schedule, &images));
        }

        #[test]
        fn no_more_than_n_images_pass_between_image_clean_ups(
            n in 1usize..9,
            images in proptest::collection::vec(0u8..30, 1..200),
        ) {
            let mut steps = StepCounter::default();
            let mut opened = 0;
            for image in &images {
                let step = steps.next(Some(&image.to_string()));
                if CleanupSchedule::every_images(n).due(step) {
                    prop_assert_eq!(opened, n);
                    opened = 0;
                }
                opened += usize::from(step.opens_image);
                prop_assert!(opened <= n);
            }
        }
    }
}

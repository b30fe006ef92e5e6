//! How much a model was asked without a clean-up, as the events tell it.

use std::collections::HashSet;

use super::{Event, Outcome};

/// Follows the events of one model.
#[derive(Debug, Clone, Default)]
pub struct Cadence {
    questions: usize,
    images: usize,
    seen: HashSet<String>,
    most: Gap,
}

/// The most that was asked without a clean-up that succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gap {
    /// Questions in a row.
    pub questions: usize,
    /// Images that no earlier question was about.
    pub images: usize,
}

impl Cadence {
    /// Takes the model's next event. A clean-up is told before the end of the question it was made
    /// before, so ends are counted; a question given up without asking is none.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::CleanedUp { record, .. } if record.error.is_none() => {
                (self.questions, self.images) = (0, 0);
            }
            Event::QuestionFinished { result, .. }
                if !matches!(result.outcome, Outcome::Skipped { .. }) =>
            {
                self.questions += 1;
                if let Some(image) = &result.image
                    && !self.seen.contains(image)
                {
                    self.seen.insert(image.clone());
                    self.images += 1;
                }
                self.most.questions = self.most.questions.max(self.questions);
                self.most.images = self.most.images.max(self.images);
            }
            _ => {}
        }
    }

    /// The most of all events so far, what came before the first clean-up and after the last
    /// included.
    pub fn most(&self) -> Gap {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::{CleanupSchedule, StepCounter},
        results::example,
    };

    fn finished(position: usize, image: usize) -> Event {
        let mut result = example::question(position, example::answered(1.0));
        result.image = Some(image.to_string());
        Event::QuestionFinished { model: String::new(), result: Box::new(result) }
    }

    /// A run about these `images`, cleaned up as `schedule` says.
    fn gap(images: &[usize], schedule: CleanupSchedule) -> Gap {
        let (mut cadence, mut steps) = (Cadence::default(), StepCounter::default());
        for (at, image) in images.iter().enumerate() {
            if schedule.due(steps.next(Some(&image.to_string()))) {
                cadence.observe(&example::cleaned_up(Some(at + 1), None));
            }
            cadence.observe(&finished(at + 1, *image));
        }
        cadence.observe(&example::cleaned_up(None, None));
        cadence.most()
    }

    #[test]
    fn no_schedule_lets_more_pass_than_it_says() {
        let images: Vec<usize> = (0..200).map(|at| at * at % 67).collect();
        for n in 1..9 {
            assert_eq!(gap(&images, CleanupSchedule::every_questions(n)).questions, n);
            assert_eq!(gap(&images, CleanupSchedule::every_images(n)).images, n);
        }
        let distinct = images.iter().collect::<HashSet<_>>().len();
        let never = Gap { questions: 200, images: distinct };
        assert_eq!(gap(&images, CleanupSchedule::Never), never);
    }

    #[test]
    fn a_clean_up_that_is_left_out_or_fails_shows() {
        let mut cadence = Cadence::default();
        for position in 1..=12 {
            match position {
                6 => cadence.observe(&example::cleaned_up(Some(6), None)),
                11 => cadence.observe(&example::cleaned_up(Some(11), Some("it failed"))),
                _ => {}
            }
            cadence.observe(&finished(position, position / 3));
        }
        assert_eq!(cadence.most(), Gap { questions: 7, images: 3 });
    }

    #[test]
    fn a_question_that_was_given_up_is_not_counted() {
        let mut cadence = Cadence::default();
        let mut result = example::question(1, example::answered(1.0));
        result.outcome = Outcome::Skipped { reason: String::new() };
        cadence
            .observe(&Event::QuestionFinished { model: String::new(), result: Box::new(result) });
        assert_eq!(cadence.most(), Gap::default());
    }
}

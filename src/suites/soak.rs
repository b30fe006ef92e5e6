//! The questions of a VQA dataset, round after round: what a long run does to memory, and whether
//! the same question gets the same answer every time.

use super::{Item, Prompt, Replies, Suite, vqa::Vqa};
use crate::{
    results::{About, AboutSoak, Outcome, figures::SOAK},
    vlm::Generation,
};

/// As many questions as are wanted, those of a round again and again.
#[derive(Debug)]
pub struct Soak {
    round: Vqa,
    items: Vec<Item>,
}

impl Soak {
    /// Asks `questions` in all, those of `round` in turn.
    pub fn new(round: Vqa, questions: usize) -> Self {
        let of_round = round.items();
        let different = of_round.len().max(1);
        let images = of_round.iter().map(|item| item.group + 1).max().unwrap_or_default();
        let items = of_round.iter().cycle().take(questions).enumerate().map(|(at, item)| Item {
            id: at as u64 + 1,
            // Rounds are not to be put together by image.
            group: (at / different) as u64 * images + item.group,
            ..item.clone()
        });
        let items = items.collect();
        Self { round, items }
    }

    /// The place of `item` in its round.
    fn in_round(&self, item: usize) -> usize {
        item % self.round.items().len().max(1)
    }
}

impl Suite for Soak {
    fn name(&self) -> &'static str {
        SOAK
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn about(&self, item: usize, suffix: &str) -> About {
        About::Soak(AboutSoak {
            round: item / self.round.items().len().max(1) + 1,
            repeats: self.round.items()[self.in_round(item)].id,
            prompt_suffix: suffix.to_owned(),
        })
    }

    fn prompt(&self, item: usize, suffix: &str, replies: &Replies) -> Result<Prompt, Box<Outcome>> {
        self.round.prompt(self.in_round(item), suffix, replies)
    }

    fn judge(&self, item: usize, suffix: &str, reply: &Generation, replies: &Replies) -> Outcome {
        self.round.judge(self.in_round(item), suffix, reply, replies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dataset::Question, suites::asking_order};

    fn soak(questions: usize) -> Soak {
        let question = |id: u64, image: &str| Question {
            id,
            image_id: 1,
            text: format!("Question {id}?"),
            question_type: None,
            answer_type: None,
            answers: vec!["yes".into(); 10],
            image: image.into(),
            index: 0,
        };
        let round = vec![question(70, "a.png"), question(71, "b.png"), question(72, "a.png")];
        Soak::new(Vqa::new(round, 8), questions)
    }

    #[test]
    fn every_round_asks_the_same_questions_in_the_same_order_and_after_the_one_before() {
        let soak = soak(8);
        let order = asking_order(soak.items());
        assert_eq!(order, [0, 2, 1, 3, 5, 4, 6, 7]);
        let asked: Vec<_> = order
            .iter()
            .map(|&item| match soak.about(item, "") {
                About::Soak(about) => (about.round, about.repeats),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [(1, 70), (1, 72), (1, 71), (2, 70), (2, 72), (2, 71), (3, 70), (3, 71)];
        assert_eq!(asked, expected);
        let ids: Vec<_> = soak.items().iter().map(|item| item.id).collect();
        assert_eq!(ids, (1..=8).collect::<Vec<_>>());
    }

    #[test]
    fn a_question_is_put_and_judged_as_in_its_first_round() {
        let soak = soak(8);
        for (item, again) in [(1, 4), (2, 5), (1, 7)] {
            let prompt = |item| soak.prompt(item, "Briefly.", &Replies::new()).unwrap();
            assert_eq!(prompt(item), prompt(again));
            let judge = |item| soak.judge(item, "", &Generation::saying("Yes."), &Replies::new());
            assert_eq!(judge(item), judge(again));
        }
    }
}

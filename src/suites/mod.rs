//! How a dataset is put to a model and how its answers are judged: one file a suite.

pub mod context;
pub mod describe;
pub mod soak;
pub mod vqa;

use std::{collections::HashMap, path::PathBuf};

use crate::{
    results::{About, Outcome},
    vlm::{Chat, Generation, GenerationOptions},
};

/// One thing to ask. The suite that made it knows what else belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Unique in the suite; stands in the record.
    pub id: u64,
    /// The image it is about, if it is about one: the images of a run are counted by it.
    pub image: Option<PathBuf>,
    /// Items of one group are asked together, because their prompts begin alike.
    pub group: u64,
    /// What is asked, in short.
    pub question: String,
}

/// What is sent to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The whole conversation.
    pub chat: Chat,
    /// How to answer it.
    pub options: GenerationOptions,
}

/// What one model answered so far, by the place of the item in [`Suite::items`].
pub type Replies = HashMap<usize, Generation>;

/// A set of items, how each is put to a model, and what a reply is worth. It is the same for
/// every model; what differs from model to model is passed in.
pub trait Suite {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Everything put to each model, in the order of the report. An item whose prompt needs the
    /// reply to another stands behind it and in its group.
    fn items(&self) -> &[Item];

    /// What the record says of an item beside its question. `suffix` is what this model's
    /// questions end with.
    fn about(&self, item: usize, suffix: &str) -> About;

    /// What is sent for an item.
    ///
    /// # Errors
    /// How the item ends where it cannot be asked.
    fn prompt(&self, item: usize, suffix: &str, replies: &Replies) -> Result<Prompt, Box<Outcome>>;

    /// What the reply to an item is worth; `suffix` and `replies` are those of its prompt.
    fn judge(&self, item: usize, suffix: &str, reply: &Generation, replies: &Replies) -> Outcome;
}

/// The order in which items are asked: group after group, each where its first item stands, and
/// within a group as in the report.
pub fn asking_order(items: &[Item]) -> Vec<usize> {
    let mut first = HashMap::new();
    for item in items {
        let next = first.len();
        first.entry(item.group).or_insert(next);
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&index| first.get(&items[index].group).copied());
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(groups: &[u64]) -> Vec<Item> {
        let item = |&group| Item { id: 0, image: None, group, question: String::new() };
        groups.iter().map(item).collect()
    }

    #[test]
    fn groups_come_in_order_of_first_appearance_and_stay_together() {
        assert_eq!(asking_order(&items(&[7, 3, 7, 5, 3, 7])), [0, 2, 5, 1, 4, 3]);
        assert!(asking_order(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn every_item_is_asked_once_and_no_group_twice(groups in prop::collection::vec(0_u64..6, 0..40)) {
            let order = asking_order(&items(&groups));
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..groups.len()).collect::<Vec<_>>());
            let mut runs: Vec<_> = order.iter().map(|&index| groups[index]).collect();
            runs.dedup();
            let distinct: std::collections::HashSet<_> = runs.iter().collect();
            prop_assert_eq!(distinct.len(), runs.len());
        }
    }
}

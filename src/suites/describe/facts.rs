//! Which of a dataset's answers say something that a description of the image can mention.

use crate::{dataset::Question, scoring::description::Fact};

/// People who must agree on an answer for it to count: the rule of the VQA metric, by which three
/// make an answer wholly right.
const AGREEING: usize = 3;
/// Longest answer that counts, in words.
const LONGEST: usize = 3;
/// What a question that asks for something in the image begins with.
const ASKING: [&str; 4] = ["what", "which", "who", "where"];
/// Answers that name nothing.
const NAMING_NOTHING: [&str; 14] = [
    "yes",
    "no",
    "none",
    "nothing",
    "no one",
    "nobody",
    "nowhere",
    "unknown",
    "not sure",
    "unclear",
    "unsure",
    "not visible",
    "can not tell",
    "i do not know",
];

/// What is known of an image through `question`, if its answer is something to mention.
///
/// Kept are answers in plain words to questions that begin with what, which, who or where: they
/// name a thing, its look or its place. Left out is what a sound description need not say or says
/// by chance: yes and no, choices that the question itself offers ("is it left or right of …"),
/// reasons, and numbers, since a number in a description does not say what it counts.
pub(super) fn fact(question: &Question) -> Option<Fact> {
    let first = question.text.split_whitespace().next()?.to_lowercase();
    if !ASKING.contains(&first.as_str()) {
        return None;
    }
    let stated_by = agreed(&question.answers);
    (!stated_by.is_empty()).then(|| Fact { question: question.text.clone(), stated_by })
}

/// The plain answers that enough people gave, most frequent first; of fewer than three people all
/// must agree.
fn agreed(answers: &[String]) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for answer in answers {
        let answer = answer.trim().to_lowercase();
        match counted.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, count)) => *count += 1,
            None => counted.push((answer, 1)),
        }
    }
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let enough = AGREEING.min(answers.len());
    let kept = counted.into_iter().filter(|(answer, count)| *count >= enough && is_plain(answer));
    kept.map(|(answer, _)| answer).collect()
}

/// One to three words of letters that name something.
fn is_plain(answer: &str) -> bool {
    let words = answer.split_whitespace().count();
    (1..=LONGEST).contains(&words)
        && answer.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\''))
        && !NAMING_NOTHING.contains(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str, answers: &[(&str, usize)]) -> Option<Vec<String>> {
        let answers =
            answers.iter().flat_map(|(answer, count)| vec![(*answer).to_owned(); *count]).collect();
        let question = Question {
            id: 1,
            image_id: 1,
            text: text.to_owned(),
            question_type: None,
            answer_type: None,
            answers,
            image: "a.png".into(),
            index: 0,
        };
        fact(&question).map(|fact| fact.stated_by)
    }

    #[test]
    fn what_three_people_name_is_a_fact_in_each_of_their_words() {
        let answers = [("silver", 2), ("grey", 4), ("Gray", 4)];
        assert_eq!(known("What color is the car?", &answers).unwrap(), ["grey", "gray"]);
        assert_eq!(known("Where is the cat?", &[("on the sofa", 10)]).unwrap(), ["on the sofa"]);
    }

    #[test]
    fn choices_numbers_yes_and_no_and_reasons_are_none() {
        assert_eq!(known("Is the cat left or right of the dog?", &[("left", 10)]), None);
        assert_eq!(known("Is there a cat?", &[("yes", 10)]), None);
        assert_eq!(known("How many cats are there?", &[("2", 10)]), None);
        assert_eq!(known("What number is on the bus?", &[("17", 10)]), None);
        assert_eq!(known("Why is he smiling?", &[("happy", 10)]), None);
        assert_eq!(known("What is on the table?", &[("nothing", 10)]), None);
        assert_eq!(known("What does it say?", &[("stop at the next corner", 10)]), None);
    }

    #[test]
    fn where_people_disagree_nothing_is_known_and_one_alone_is_believed() {
        assert_eq!(known("What is it?", &[("cat", 2), ("dog", 2), ("fox", 2)]), None);
        assert_eq!(known("What is it?", &[("cat", 1)]).unwrap(), ["cat"]);
        assert_eq!(known("What is it?", &[("cat", 1), ("dog", 1)]), None);
        assert_eq!(known("What is it?", &[]), None);
    }
}

//! What is sent under each history, from replies that are known.

use super::*;
use crate::{
    dataset::scenario::{SceneOptions, scenes},
    vlm::Content,
};

fn suite(conditions: &[Condition], distractors: &[usize]) -> ContextSuite {
    let turns = distractors.last().copied().unwrap_or_default();
    let options = SceneOptions { seed: 3, scenarios: 2, facts: 3, distractors: turns };
    let illustrated = |scenario: Scenario| {
        let name = format!("{}.png", scenario.id);
        Illustrated { scenario, sha256: name.clone(), image: name.into() }
    };
    let scenarios = scenes(&options).unwrap().into_iter().map(illustrated).collect();
    let options = ContextOptions {
        conditions: conditions.to_vec(),
        distractors: distractors.to_vec(),
        max_tokens: 50,
    };
    ContextSuite::new(scenarios, options)
}

fn reply(answer: &str) -> Generation {
    Generation::saying(answer)
}

/// Replies `reply <place>` to everything.
fn replies(suite: &ContextSuite) -> Replies {
    (0..suite.items().len()).map(|place| (place, reply(&format!(" reply {place}\n")))).collect()
}

fn find(suite: &ContextSuite, part: Part, condition: Option<Condition>, turns: usize) -> usize {
    let fits =
        |step: &Step| step.part == part && step.condition == condition && step.distractors == turns;
    suite.steps.all.iter().position(fits).unwrap()
}

/// A chat as one line a turn: role, images, text.
fn lines(chat: &Chat) -> Vec<String> {
    let line = |message: &Message| {
        let parts = message.content.iter().map(|part| match part {
            Content::Image { path } => format!("[{}]", path.display()),
            Content::Text { text } => text.replace('\n', " / "),
        });
        format!("{:?}: {}", message.role, parts.collect::<Vec<_>>().join(" "))
    };
    chat.messages.iter().map(line).collect()
}

fn sent(suite: &ContextSuite, condition: Condition, turns: usize) -> Vec<String> {
    let place = find(suite, Part::Probe, Some(condition), turns);
    lines(&suite.prompt(place, "Be brief.", &replies(suite)).unwrap().chat)
}

#[test]
fn each_history_holds_what_its_letter_says_and_nothing_else() {
    let suite = suite(&Condition::ALL, &[0, 1]);
    let own = &suite.scenarios[0].scenario;
    let (gold, turn, question) = (&own.gold, &own.distractors[0], &own.facts[0].question);
    let (described, turned) =
        (find(&suite, Part::Describe, None, 0), find(&suite, Part::Turn, None, 0));
    let ask = format!("User: {question} / Be brief.");
    let shown = |image: &str| format!("User: [{image}.png] {question} / Be brief.");
    assert_eq!(sent(&suite, Condition::S, 0), [shown("1")]);
    assert_eq!(sent(&suite, Condition::X, 0), [shown("2")]);
    assert_eq!(sent(&suite, Condition::N, 0), std::slice::from_ref(&ask));
    let talk = |first: &str, description: &str| {
        [
            format!("User: {first}{DESCRIBE}"),
            format!("Assistant: {description}"),
            format!("User: {turn}"),
            format!("Assistant: reply {turned}"),
            ask.clone(),
        ]
    };
    let said = format!("reply {described}");
    assert_eq!(sent(&suite, Condition::A, 1), talk("[1.png] ", &said));
    assert_eq!(sent(&suite, Condition::B, 1), talk("", &said));
    assert_eq!(sent(&suite, Condition::E, 1), talk("", gold));
    assert_eq!(sent(&suite, Condition::A, 0), [&talk("[1.png] ", &said)[..2], &[ask]].concat());
}

#[test]
fn no_probe_is_part_of_a_later_prompt() {
    let suite = suite(&Condition::ALL, &[0, 2, 4]);
    let replies = replies(&suite);
    for (place, step) in suite.steps.all.iter().enumerate() {
        let chat = suite.prompt(place, "", &replies).unwrap().chat;
        let earlier = lines(&Chat { messages: chat.messages.split_last().unwrap().1.to_vec() });
        for other in suite.scenarios.iter().flat_map(|it| &it.scenario.facts) {
            assert!(!earlier.iter().any(|line| line.contains(&other.question)), "{step:?}");
        }
    }
}

#[test]
fn every_reply_that_a_step_builds_on_is_asked_for_before_it_and_in_its_group() {
    let suite = suite(&Condition::ALL, &[0, 2, 6]);
    let order = crate::suites::asking_order(suite.items());
    let mut known = Replies::new();
    let mut group = None;
    for place in order {
        if group.replace(suite.items()[place].group) != Some(suite.items()[place].group) {
            known.clear();
        }
        assert!(suite.prompt(place, "", &known).is_ok(), "{:?}", suite.steps.all[place]);
        known.insert(place, reply("x"));
    }
}

#[test]
fn without_the_reply_it_builds_on_a_step_is_not_asked() {
    let suite = suite(&[Condition::A], &[1]);
    let place = find(&suite, Part::Probe, Some(Condition::A), 1);
    let mut replies = replies(&suite);
    replies.remove(&find(&suite, Part::Turn, None, 0));
    let ended = suite.prompt(place, "", &replies).unwrap_err();
    let Outcome::Skipped { reason } = *ended else { panic!("{ended:?}") };
    assert!(reason.ends_with("turn 1 has no reply"), "{reason}");
}

#[test]
fn options_take_the_place_that_the_suffix_gives_them_and_are_weighed() {
    let suite = suite(&[Condition::S], &[0]);
    let prompt = suite.prompt(0, DEFAULT_PROMPT_SUFFIX, &Replies::new()).unwrap();
    let options = &suite.scenarios[0].scenario.facts[0].options;
    let expected = format!("Answer with one of: {}.", options.join(", "));
    assert!(lines(&prompt.chat)[0].ends_with(&expected));
    assert_eq!((&prompt.options.candidates, prompt.options.read_back), (options, true));
}

#[test]
fn a_repeat_sends_what_its_probe_sent_and_is_compared_with_its_reply() {
    let suite = suite(&[Condition::A], &[0, 2]);
    let again = find(&suite, Part::Repeat, Some(Condition::A), 2);
    let first = suite.steps.repeated(again).unwrap();
    let replies = replies(&suite);
    assert_eq!(
        suite.prompt(again, "", &replies).unwrap(),
        suite.prompt(first, "", &replies).unwrap()
    );
    let same = |ids: Vec<u32>| {
        let reply = Generation { token_ids: ids, ..reply("red") };
        suite.judgement(again, "", &reply, &replies).same_again
    };
    assert_eq!((same(Vec::new()), same(vec![1])), (Some(true), Some(false)));
}

#[test]
fn a_right_answer_is_right_and_another_option_is_wrong() {
    let suite = suite(&[Condition::S], &[0]);
    let fact = &suite.scenarios[0].scenario.facts[0];
    let correct = |answer: &str| suite.judgement(0, "", &reply(answer), &Replies::new()).correct;
    for (option, answer) in fact.options.iter().enumerate() {
        assert_eq!(correct(answer), Some(option == fact.answer));
    }
    assert_eq!(correct("no idea at all"), Some(false));
}

#[test]
fn the_whole_last_turn_said_back_is_an_echo() {
    let suite = suite(&[Condition::S], &[0]);
    let fact = &suite.scenarios[0].scenario.facts[0];
    let parse = |answer: &str| {
        let reply = reply(answer);
        suite.judgement(0, DEFAULT_PROMPT_SUFFIX, &reply, &Replies::new()).parse
    };
    let asked = probe(fact, DEFAULT_PROMPT_SUFFIX);
    assert_eq!(parse(&asked), Some(Parse::Echo));
    let answered = format!("{asked} {}", fact.options[1]);
    assert_eq!(parse(&answered), Some(chosen(1)));
}

#[test]
fn a_prompt_that_lacks_what_its_question_ends_with_is_incomplete() {
    let suite = suite(&[Condition::N], &[0]);
    let found = |read_back: String| {
        let reply = Generation { read_back: Some(read_back), ..reply("red") };
        suite.judgement(0, "Be brief.", &reply, &Replies::new()).history.turns_found
    };
    let question = &suite.scenarios[0].scenario.facts[0].question;
    assert_eq!(found(format!("{question} Be brief.")), Some(1));
    assert_eq!(found(question.clone()), Some(0));
}

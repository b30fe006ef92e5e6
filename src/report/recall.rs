//! The parts of the table and of the live lines that the recall of photos alone has.

use std::iter::repeat;

use super::{
    context::{share, turns},
    layout::{Look, labelled},
    overview::grid,
    text::{escape, truncate},
    units::{bytes, percent},
};
use crate::{
    results::{
        AboutRecall, ModelReport, Outcome, Part, QuestionResult, RecallJudgement, RunReport,
    },
    scoring::context::{RecallFigures, RecallTopic, ReplyCounts, Said, TopicFigures},
};

/// Photos whose replies are shown; `results.json` has them all.
const PHOTOS_SHOWN: usize = 12;
/// Most lines of a description.
const DESCRIPTION_LINES: usize = 4;
/// Most lines of an answer.
const ANSWER_LINES: usize = 3;
/// Columns before a photo's replies.
const LABEL: usize = 15;
const TOPICS: [RecallTopic; 3] = [RecallTopic::Colours, RecallTopic::People, RecallTopic::Scene];

/// One line per model.
pub(super) fn overview(report: &RunReport, look: Look) -> Vec<String> {
    let columns = [
        ("photos", 0),
        (name(RecallTopic::Colours), 3),
        (name(RecallTopic::People), 2),
        (name(RecallTopic::Scene), 4),
        ("peak", 1),
    ];
    grid(report, columns, overview_row, look)
}

fn overview_row(model: &ModelReport) -> [String; 6] {
    let none = || "–".to_owned();
    let figures = model.summary.figures.recalled();
    let photos = |figures: &RecallFigures| {
        let valid = figures.validity.is_empty();
        if valid { figures.images.to_string() } else { "INVALID".to_owned() }
    };
    let agrees = |topic| {
        let figures = figures.and_then(|it| it.by_topic.get(&topic));
        figures.and_then(|it| it.self_consistency.value).map_or_else(none, percent)
    };
    [
        escape(&model.name),
        figures.map_or_else(none, photos),
        agrees(RecallTopic::Colours),
        agrees(RecallTopic::People),
        agrees(RecallTopic::Scene),
        model.summary.memory.map_or_else(none, |memory| bytes(memory.peak_bytes)),
    ]
}

/// What stands behind a model's line, by label.
pub(super) fn details(figures: &RecallFigures) -> Vec<(&'static str, Vec<String>)> {
    let reasons = figures.validity.iter().map(|reason| escape(&reason.to_string()));
    let mut lines = vec![
        ("INVALID", reasons.collect()),
        ("described", counts(figures.descriptions, "photo described", "photos described")),
    ];
    lines.extend(figures.by_topic.iter().map(|(it, figures)| (name(*it), topic(*it, figures))));
    lines
}

fn topic(topic: RecallTopic, figures: &TopicFigures) -> Vec<String> {
    let agreement = share(figures.self_consistency);
    let mut parts = vec![match topic {
        RecallTopic::Colours => format!("{agreement} of those named are in its description"),
        RecallTopic::People => format!("{agreement} of yes and no agree with its description"),
        RecallTopic::Scene => format!("{agreement} of the words are in its description"),
    }];
    if figures.contradiction.denominator > 0 {
        parts.push(format!("{} later contradicted", share(figures.contradiction)));
    }
    parts.extend(counts(figures.replies, "reply", "replies"));
    parts
}

/// What became of replies, those that say something first.
fn counts(counts: ReplyCounts, one: &str, many: &str) -> Vec<String> {
    let mut parts = vec![format!("{} {}", counts.said, if counts.said == 1 { one } else { many })];
    let named = [
        (counts.empty, "empty"),
        (counts.echo, "echo"),
        (counts.no_reply, "missing"),
        (counts.identical, "identical to that of another photo"),
    ];
    let there = named.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(there.map(|(count, what)| format!("{count} {what}")));
    parts
}

fn name(topic: RecallTopic) -> &'static str {
    match topic {
        RecallTopic::Colours => "colours",
        RecallTopic::People => "people",
        RecallTopic::Scene => "scene",
    }
}

/// For reading: of each photo what the model said of it, then what it said from memory.
pub(super) fn photo_lines(model: &ModelReport, look: Look) -> Vec<String> {
    let photo = |question: &QuestionResult| question.recall().map(|about| about.photo);
    let photos = || {
        let groups = model.questions.chunk_by(|a, b| photo(a) == photo(b));
        groups.filter(|replies| replies.first().and_then(photo).is_some())
    };
    let mut lines: Vec<_> =
        photos().take(PHOTOS_SHOWN).flat_map(|replies| of_photo(replies, look)).collect();
    if let Some(more) = photos().count().checked_sub(PHOTOS_SHOWN).filter(|more| *more > 0) {
        lines.push(format!("  … {more} more: see results.json"));
    }
    lines
}

/// The replies about one photo.
fn of_photo(replies: &[QuestionResult], look: Look) -> Vec<String> {
    let Some((first, about)) = replies.first().and_then(|it| Some((it, it.recall()?))) else {
        return Vec::new();
    };
    let file = first.image.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or("–");
    let mut lines = vec![truncate(&format!("  {} {}", about.photo, escape(file)), look.width)];
    let mut add = |label: &str, text: String, most: usize| {
        let told = labelled(&format!("    {label}"), LABEL, &[text], look.width);
        lines.extend(cut(told, most, look.width));
    };
    let of = |part, topic| {
        let wanted = move |it: &&QuestionResult| {
            it.recall().is_some_and(|about| about.part == part && about.topic == topic)
        };
        replies.iter().filter(wanted)
    };
    for description in of(Part::Describe, None) {
        let (remarks, text) = reply(description);
        let text = if remarks.is_empty() { text } else { format!("{remarks}: {text}") };
        add("described", text, DESCRIPTION_LINES);
    }
    for topic in TOPICS {
        let answers = answers(of(Part::Probe, Some(topic))).into_iter();
        for (answer, label) in answers.zip([name(topic)].into_iter().chain(repeat(""))) {
            add(label, answer, ANSWER_LINES);
        }
    }
    lines
}

/// The different answers to one question, each with the numbers of turns after which it came.
fn answers<'a>(replies: impl Iterator<Item = &'a QuestionResult>) -> Vec<String> {
    let mut told: Vec<((String, String), Vec<String>)> = Vec::new();
    for question in replies {
        let after = question.recall().map_or_else(String::new, |it| it.distractors.to_string());
        let reply = reply(question);
        match told.iter_mut().find(|(known, _)| *known == reply) {
            Some((_, turns)) => turns.push(after),
            None => told.push((reply, vec![after])),
        }
    }
    let line = |((remarks, text), turns): ((String, String), Vec<String>)| {
        let unit = if turns == ["1"] { "turn" } else { "turns" };
        let remarks = if remarks.is_empty() { remarks } else { format!(" ({remarks})") };
        format!("after {} {unit}{remarks}: {text}", turns.join(", "))
    };
    told.into_iter().map(line).collect()
}

/// What can be told of a reply, and the reply.
fn reply(question: &QuestionResult) -> (String, String) {
    let (Outcome::Answered { raw, .. }, Some(judgement)) = (&question.outcome, question.recalled())
    else {
        return (String::new(), "no answer".to_owned());
    };
    // Lines are broken anew.
    let text = raw.split_whitespace().collect::<Vec<_>>().join(" ");
    (remarks(judgement).join(", "), format!("“{}”", escape(&text)))
}

fn remarks(judgement: &RecallJudgement) -> Vec<String> {
    let by_itself = match judgement.said {
        Said::Something => None,
        Said::Empty => Some("empty".to_owned()),
        Said::Echo => Some("an echo".to_owned()),
    };
    let agreement = judgement.agreement;
    let agreement = agreement.map(|it| format!("{} of {} as described", it.described, it.said));
    let contradicts = judgement.contradicts == Some(true);
    let contradicts = contradicts.then(|| "contradicts the first".to_owned());
    [by_itself, agreement, contradicts].into_iter().flatten().collect()
}

/// The first `most` lines of a longer text, with a sign that there is more.
fn cut(mut lines: Vec<String>, most: usize, columns: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = truncate(&format!("{last} …"), columns);
        }
    }
    lines
}

/// A reply and what can be told of it, for the live lines.
pub(super) fn judged(raw: &str, judgement: &RecallJudgement, about: &AboutRecall) -> String {
    let mut parts = Vec::new();
    if about.topic.is_some() {
        parts.push(format!("after {}", turns(about.distractors)));
    }
    parts.extend(remarks(judgement));
    let raw = format!("“{raw}”");
    if parts.is_empty() { raw } else { format!("{}  {raw}", parts.join(" · ")) }
}

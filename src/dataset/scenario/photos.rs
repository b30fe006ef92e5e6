//! Scenarios from annotated photos: a folder with images and a `context.json` that says what they show.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{super::error::DatasetError, Fact, Scenario, ScenarioImage, distractors::distractors};

/// The file that annotates the photos of a folder.
pub const ANNOTATIONS: &str = "context.json";

/// As many facts of a photo have ids of their own.
const MOST_FACTS: usize = 1000;

/// One entry of `context.json`, which is a list of them; `docs/context.md` explains the fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    image: PathBuf,
    description: String,
    facts: Vec<FactEntry>,
    #[serde(default)]
    distractors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactEntry {
    question: String,
    options: Vec<String>,
    answer: String,
    topic: Option<String>,
    absent: Option<bool>,
    #[serde(default)]
    claims: BTreeMap<String, Vec<String>>,
}

/// Reads the annotated photos in `folder`, all of them in the order of the file.
///
/// Each scenario gets `turns` distractors: those of its entry, then everyday turns drawn by `seed`.
///
/// # Errors
/// [`DatasetError`]: no folder, no `context.json`, JSON that does not parse or has a field too many or too few (with
/// line and column), or an entry that cannot be asked about (with its number and field).
pub fn read(folder: &Path, seed: u64, turns: usize) -> Result<Vec<Scenario>, DatasetError> {
    if !folder.is_dir() {
        return Err(DatasetError::NotAFolder(folder.to_path_buf()));
    }
    let path = folder.join(ANNOTATIONS);
    if !path.is_file() {
        return Err(DatasetError::NotAnnotated(folder.to_path_buf()));
    }
    let text = fs::read_to_string(&path).map_err(DatasetError::read(&path))?;
    let entries: Vec<Entry> =
        serde_json::from_str(&text).map_err(|error| DatasetError::Malformed {
            path: path.clone(),
            line: error.line(),
            column: error.column(),
            message: message(&error),
        })?;
    if entries.is_empty() {
        return Err(DatasetError::NoScenarios(path));
    }
    let mut images = HashMap::with_capacity(entries.len());
    let numbered = entries.into_iter().zip(1_u64..);
    let scenarios = numbered.map(|(entry, id)| {
        let refuse = |Flaw { field, message }| DatasetError::Annotation {
            path: path.clone(),
            entry: id,
            field,
            message,
        };
        let image = image(folder, &entry.image, id, &mut images).map_err(refuse)?;
        scenario(entry, image, id, seed, turns).map_err(refuse)
    });
    scenarios.collect()
}

/// What is wrong with which field of an entry.
struct Flaw {
    field: String,
    message: String,
}

impl Flaw {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What `error` says, without the place that it repeats.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

/// The file of entry `id`, which is there and which no entry before has.
fn image(
    folder: &Path,
    name: &Path,
    id: u64,
    seen: &mut HashMap<PathBuf, u64>,
) -> Result<PathBuf, Flaw> {
    let path = folder.join(name);
    if !path.is_file() {
        return Err(Flaw::new("image", format!("no file {}", path.display())));
    }
    match seen.insert(path.clone(), id) {
        None => Ok(path),
        Some(earlier) => {
            Err(Flaw::new("image", format!("is that of entry {earlier}; list all its facts there")))
        }
    }
}

fn scenario(
    entry: Entry,
    image: PathBuf,
    id: u64,
    seed: u64,
    turns: usize,
) -> Result<Scenario, Flaw> {
    filled("description", &entry.description)?;
    if entry.facts.is_empty() || entry.facts.len() > MOST_FACTS {
        return Err(Flaw::new("facts", format!("must hold 1 to {MOST_FACTS}")));
    }
    for turn in &entry.distractors {
        filled("distractors", turn)?;
    }
    let mut questions = HashSet::with_capacity(entry.facts.len());
    let mut facts = Vec::with_capacity(entry.facts.len());
    for (k, (given, fact_id)) in entry.facts.into_iter().zip(1000 * id..).enumerate() {
        if !questions.insert(given.question.clone()) {
            return Err(Flaw::new(format!("fact {}, question", k + 1), "is asked before"));
        }
        let placed =
            |flaw: Flaw| Flaw::new(format!("fact {}, {}", k + 1, flaw.field), flaw.message);
        facts.push(fact(given, fact_id).map_err(placed)?);
    }
    let more = turns.saturating_sub(entry.distractors.len());
    let given = entry.distractors.into_iter().take(turns);
    Ok(Scenario {
        id,
        image: ScenarioImage::File(image),
        gold: entry.description,
        facts,
        distractors: given.chain(distractors(seed, id, more)).collect(),
    })
}

fn fact(given: FactEntry, id: u64) -> Result<Fact, Flaw> {
    filled("question", &given.question)?;
    if given.options.len() < 2 {
        return Err(Flaw::new("options", "must hold at least two answers"));
    }
    let mut seen = HashSet::with_capacity(given.options.len());
    for option in &given.options {
        filled("options", option)?;
        if !seen.insert(option.trim().to_lowercase()) {
            return Err(Flaw::new("options", format!("`{option}` is there twice")));
        }
    }
    let answer = index("answer", &given.answer, &given.options)?;
    if let Some(absent) = given.absent {
        check_presence(absent, &given.options, answer)?;
    }
    let mut claims = vec![Vec::new(); given.options.len()];
    for (option, phrases) in given.claims {
        for phrase in &phrases {
            filled("claims", phrase)?;
        }
        let at = index("claims", &option, &given.options)?;
        claims[at] = phrases.into_iter().map(|phrase| phrase.to_lowercase()).collect();
    }
    let topic = if given.absent.is_some() { "presence" } else { "other" };
    let topic = given.topic.unwrap_or_else(|| topic.to_owned());
    filled("topic", &topic)?;
    Ok(Fact {
        id,
        topic,
        question: given.question,
        options: given.options,
        answer,
        absent: given.absent,
        claims,
    })
}

/// `absent` makes sense of a yes/no question alone, and its answer follows from it.
fn check_presence(absent: bool, options: &[String], answer: usize) -> Result<(), Flaw> {
    let is = |option: &String, word: &str| option.trim().eq_ignore_ascii_case(word);
    let yes_no = options.len() == 2
        && ["yes", "no"].iter().all(|word| options.iter().any(|option| is(option, word)));
    if !yes_no {
        return Err(Flaw::new("absent", "needs the options `yes` and `no`"));
    }
    let says = options.get(answer).is_some_and(|option| is(option, "no"));
    if says != absent {
        let wanted = if absent { "no" } else { "yes" };
        return Err(Flaw::new("absent", format!("is {absent}: the answer must be `{wanted}`")));
    }
    Ok(())
}

/// Where `wanted` stands in `options`, to which it must be equal.
fn index(field: &str, wanted: &str, options: &[String]) -> Result<usize, Flaw> {
    options.iter().position(|option| option == wanted).ok_or_else(|| {
        Flaw::new(field, format!("`{wanted}` is none of the options ({})", options.join(", ")))
    })
}

fn filled(field: &str, text: &str) -> Result<(), Flaw> {
    if text.trim().is_empty() { Err(Flaw::new(field, "is empty")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;

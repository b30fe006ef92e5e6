//! A model that answers from a script and fails on demand. It is part of the program so
//! that everything around a model (deadlines, crashes, reports, resuming) can be tried
//! in seconds, through the same worker as a real one.
//!
//! ```toml
//! default = "yes"                  # for questions that nothing below matches
//! # load_error = "…"  load_crash = "segv"  load_hang = true  load_panic = "…"
//! # loses = "history"              # or ends (of earlier turns), images, pixels: never gets them
//!
//! [[answer]]
//! question = "What colour"         # part of the last turn's text
//! text = "red"
//!
//! [[answer]]
//! at = 3                           # the third question this worker is asked
//! crash = "kill"                   # or abort, segv, exit255
//! phase = "decode"                 # when: preprocess, vision, prefill (the default) or decode
//!
//! [[answer]]
//! shown = "cat.png"                # part of the name of an image of the last turn
//! image = "cat.png"                # the same of any turn
//! history = "a cat"                # part of the text of an earlier turn
//! echo = true                      # says the question
//! ```
//! Other faults of an answer: `error`, `image_error`, `panic` (texts), `hang`, `empty`
//! (flags), `noise` (text for standard output), `slow_ms`. The first answer whose
//! conditions all hold is taken; `at` counts anew in a restarted worker. Of the answers it
//! is to weigh, what the script says is probable and everything else is not.

mod faults;
mod loss;

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use self::{
    faults::{Crash, hang},
    loss::Loss,
};
use crate::{
    sha256,
    vlm::{
        CandidateScore, Chat, Content, FinishReason, Generation, GenerationOptions, Message,
        ModelError, Observer, Phase, Role, Timings, Usage, VisionLanguageModel,
    },
};

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read the script {}: {source}", path.display())]
    Read {
        /// The script.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, or has a field that does not exist.
    #[error("{} is not a script: {}", path.display(), source.to_string().trim_end())]
    Parse {
        /// The script.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: Box<toml::de::Error>,
    },
    /// The script asks for this failure.
    #[error("{0}")]
    Load(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    default: String,
    load_error: Option<String>,
    load_crash: Option<Crash>,
    load_panic: Option<String>,
    load_hang: bool,
    loses: Option<Loss>,
    answer: Vec<Answer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Answer {
    question: Option<String>,
    at: Option<usize>,
    shown: Option<String>,
    image: Option<String>,
    history: Option<String>,
    echo: bool,
    text: String,
    empty: bool,
    error: Option<String>,
    image_error: Option<String>,
    panic: Option<String>,
    crash: Option<Crash>,
    phase: Option<Phase>,
    noise: Option<String>,
    hang: bool,
    slow_ms: u64,
}

/// A model that says what its script says.
#[derive(Debug)]
pub struct ScriptedModel {
    script: Script,
    asked: usize,
}

impl ScriptedModel {
    /// Reads the script at `path` and does to itself what it says of loading.
    ///
    /// # Errors
    /// [`ScriptError`] when the script is unusable or asks for an error.
    pub fn open(path: &Path) -> Result<Self, ScriptError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ScriptError::Read { path: path.to_owned(), source })?;
        let script: Script = toml::from_str(&text).map_err(|source| ScriptError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        if let Some(crash) = script.load_crash {
            crash.happen();
        }
        if let Some(message) = &script.load_panic {
            faults::panic(message);
        }
        if script.load_hang {
            hang();
        }
        match script.load_error {
            Some(message) => Err(ScriptError::Load(message)),
            None => Ok(Self { script, asked: 0 }),
        }
    }

    fn answer_to(&self, chat: &Chat) -> Answer {
        let matching = |answer: &&Answer| {
            answer.at.is_none_or(|at| at == self.asked) && answer.belongs_to(chat)
        };
        let default = || Answer { text: self.script.default.clone(), ..Answer::default() };
        self.script.answer.iter().find(matching).cloned().unwrap_or_else(default)
    }
}

impl VisionLanguageModel for ScriptedModel {
    fn generate(
        &mut self,
        chat: &Chat,
        options: &GenerationOptions,
        observer: &mut dyn Observer,
    ) -> Result<Generation, ModelError> {
        let start = Instant::now();
        self.asked += 1;
        let loses = self.script.loses;
        let chat = &*loses.map_or(Cow::Borrowed(chat), |loss| loss.of(chat));
        let answer = self.answer_to(chat);
        for phase in [Phase::Preprocess, Phase::Vision, Phase::Prefill] {
            observer.reached(phase)?;
            answer.fail_in(phase)?;
        }
        let text = match (answer.empty, answer.echo) {
            (true, _) => String::new(),
            (_, true) => chat.messages.last().map(Message::text).unwrap_or_default(),
            _ => answer.text.clone(),
        };
        let shown = |path: &PathBuf| {
            let substitute = loses.and_then(Loss::substitute);
            substitute.map_or_else(|| digest(path), Ok)
        };
        let images = chat.images().map(shown).collect::<Result<_, _>>()?;
        observer.reached(Phase::Decode)?;
        answer.fail_in(Phase::Decode)?;
        say(&text, chat, options, observer, images, start)
    }
}

impl Answer {
    /// Whether its conditions hold for `chat`.
    fn belongs_to(&self, chat: &Chat) -> bool {
        let Some((last, earlier)) = chat.messages.split_last() else { return false };
        let shows = |message: &Message, part: &str| {
            message.images().any(|path| path.to_string_lossy().contains(part))
        };
        let holds = |part: &Option<String>, found: &dyn Fn(&str) -> bool| {
            part.as_ref().is_none_or(|part| found(part))
        };
        holds(&self.question, &|part| last.text().contains(part))
            && holds(&self.shown, &|part| shows(last, part))
            && holds(&self.image, &|part| chat.messages.iter().any(|it| shows(it, part)))
            && holds(&self.history, &|part| earlier.iter().any(|it| it.text().contains(part)))
    }

    /// Does what it says of failing, if it says that of `phase`.
    fn fail_in(&self, phase: Phase) -> Result<(), ModelError> {
        if phase != self.phase.unwrap_or(Phase::Prefill) {
            return Ok(());
        }
        if let Some(noise) = &self.noise {
            faults::print(noise);
        }
        thread::sleep(Duration::from_millis(self.slow_ms));
        if let Some(crash) = self.crash {
            crash.happen();
        }
        if let Some(message) = &self.panic {
            faults::panic(message);
        }
        if self.hang {
            hang();
        }
        let image_error = self.image_error.clone().map(ModelError::Image);
        image_error.or_else(|| self.error.clone().map(ModelError::Compute)).map_or(Ok(()), Err)
    }
}

/// Words are tokens here: they are counted, and `max_tokens` cuts them off.
fn say(
    text: &str,
    chat: &Chat,
    options: &GenerationOptions,
    observer: &mut dyn Observer,
    image_sha256: Vec<String>,
    start: Instant,
) -> Result<Generation, ModelError> {
    let words: Vec<&str> = text.split_inclusive(' ').take(options.max_tokens).collect();
    for word in &words {
        observer.text(word);
        observer.reached(Phase::Decode)?;
    }
    let answer = words.concat();
    let cut_off = answer.len() < text.len();
    let prompt = render(chat);
    let prompt_tokens = prompt.split_whitespace().count();
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    Ok(Generation {
        finish_reason: if cut_off { FinishReason::Length } else { FinishReason::Stop },
        read_back: options.read_back.then(|| prompt.clone()),
        prompt,
        prompt_token_ids: (0..).take(prompt_tokens).collect(),
        token_ids: (0..).take(words.len()).collect(),
        logprobs: Vec::new(),
        candidates: options.candidates.iter().map(|it| weigh(it, text)).collect(),
        image_sha256,
        usage: Usage {
            prompt_tokens,
            image_tokens: chat.images().count(),
            cached_tokens: 0,
            completion_tokens: words.len(),
            prefill_chunk: prompt_tokens,
        },
        timings: Timings { prefill: elapsed, time_to_first_token: elapsed, ..Timings::default() },
        answer,
    })
}

/// SHA-256 of an image, as a model that looks at it would tell.
fn digest(path: &Path) -> Result<String, ModelError> {
    sha256::of_file(path).map_err(|error| {
        ModelError::Image(format!("cannot read image {}: {error}", path.display()))
    })
}

/// What the script says is likely, in one token; nothing else is.
fn weigh(candidate: &str, said: &str) -> CandidateScore {
    CandidateScore { logprob: if candidate == said { -0.1 } else { -10.0 }, tokens: 1 }
}

fn render(chat: &Chat) -> String {
    let mut prompt = String::new();
    for message in &chat.messages {
        prompt += match message.role {
            Role::System => "system:",
            Role::User => "user:",
            Role::Assistant => "assistant:",
        };
        for part in &message.content {
            prompt.push(' ');
            prompt += match part {
                Content::Image { .. } => "<image>",
                Content::Text { text } => text,
            };
        }
        prompt.push('\n');
    }
    prompt
}

#[cfg(test)]
mod tests;

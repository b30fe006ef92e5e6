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
//! phase = "decode"                 # when: preprocess, vision, prefill (the default), decode,
//!                                  # load, or clean_up: the first one after this answer
//! once = true                      # of all workers only the first gives this answer
//!
//! [[answer]]
//! shown = "cat.png"                # part of the name of an image of the last turn
//! image = "cat.png"                # the same of any turn
//! history = "a cat"                # part of the text of an earlier turn
//! echo = true                      # says the question
//!
//! [memory]                         # simulated: figures alone; what is not given is 0
//! profile = "metal"                # or cuda, cpu (the default): whose rules hold
//! device_bytes = 17_179_869_184    # all the device has: 16 GiB if not given
//! weights_bytes = 500_000_000      # from loading on
//! image_bytes = 20_000_000         # for each image while they are encoded
//! kv_bytes = 4_000_000             # of a question from its prompt to its end; announced exactly
//! question_bytes = 60_000_000      # the same, but found out by running it
//! held_bytes = 1_000_000           # kept for later questions, until it has to be given up
//! leak_bytes = 1_000_000           # never freed, of each question
//! leak_objects = 1                 # the same: arrays of one number
//! # buffer_limit = 499_000         # Metal's, in use and in the pool
//! # remote = true                  # computes elsewhere: no memory here, no clean-ups
//!
//! [[pressure]]                     # what the system says; the last whose moment has come
//! from_question = 3                # or from_ms, since the worker began
//! pressure = "critical"            # or warning, normal
//! # total_bytes, available_bytes, swap_used_bytes, stall_some, stall_full (percent) of the
//! # machine; footprint_bytes, resident_bytes, threads, descriptors of the process
//! ```
//! Other faults of an answer: `error`, `image_error`, `panic` (texts), `hang`, `empty`
//! (flags), `noise` (text for standard output), `slow_ms`, `eats_bytes` (of the system's memory,
//! in earnest); of its simulated memory: `allocation_error`
//! (none is left), `late_error` (work fails that was handed to the device: told when it is
//! waited for, once), `submissions_ignored` (the device runs nothing more), and
//! `question_bytes`, instead of what `[memory]` says. The first answer whose
//! conditions all hold is taken; `at` counts anew in a restarted worker. One whose phase is
//! `load` is no answer: it happens while the model is loaded. `once` leaves a file beside
//! the script. Of the answers it is to weigh, what the script says is probable and everything
//! else is not.

mod answer;
mod faults;
mod loss;
mod memory;
mod script;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use self::{answer::Answer, faults::hang, loss::Loss, memory::Memory, script::Script};
use crate::{
    memory::{Allocator, PressureStep},
    sha256,
    vlm::{
        Admission, CandidateScore, Chat, Content, FinishReason, Generation, GenerationOptions,
        ModelError, Need, Observer, Phase, Role, Timings, Usage, VisionLanguageModel,
    },
};

pub use self::script::ScriptError;

/// A model that says what its script says.
#[derive(Debug)]
pub struct ScriptedModel {
    script: Script,
    memory: Memory,
    asked: usize,
    chunk: usize,
}

impl ScriptedModel {
    /// Reads the script at `path`.
    ///
    /// # Errors
    /// [`ScriptError`] when it is unusable.
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let script = Script::read(path)?;
        let memory = Memory::new(script.memory.clone());
        Ok(Self { script, memory, asked: 0, chunk: usize::MAX })
    }

    /// Whoever owns the memory it computes in.
    pub fn allocator(&self) -> Arc<dyn Allocator> {
        self.memory.allocator()
    }

    /// What its weights take.
    pub fn weights_bytes(&self) -> u64 {
        self.memory.weights_bytes()
    }

    /// What the script says of the machine.
    pub fn pressure(&self) -> &[PressureStep] {
        &self.script.pressure
    }

    /// Does to itself what the script says of loading.
    ///
    /// # Errors
    /// [`ScriptError::Load`] when it asks for an error.
    pub fn load(&mut self) -> Result<(), ScriptError> {
        if let Some(crash) = self.script.load_crash {
            crash.happen();
        }
        if let Some(message) = &self.script.load_panic {
            faults::panic(message);
        }
        if self.script.load_hang {
            hang();
        }
        if let Some(message) = &self.script.load_error {
            return Err(ScriptError::Load(message.clone()));
        }
        let failed = |error: ModelError| ScriptError::Load(error.to_string());
        for answer in self.script.answer.iter().filter(|it| it.phase() == Phase::Load) {
            if answer.claim().map_err(failed)? {
                answer.fail_in(Phase::Load, &self.memory).map_err(failed)?;
            }
        }
        self.memory.load().map_err(failed)
    }

    fn answer_to(&self, chat: &Chat) -> Result<Answer, ModelError> {
        let matching = |answer: &&Answer| {
            answer.phase() != Phase::Load
                && answer.at.is_none_or(|at| at == self.asked)
                && answer.belongs_to(chat)
        };
        for answer in self.script.answer.iter().filter(matching) {
            if answer.claim()? {
                return Ok(answer.clone());
            }
        }
        Ok(Answer::of(self.script.default.clone()))
    }

    /// Says what the question needs and hears whether it may be computed.
    fn admit(
        &mut self,
        chat: &Chat,
        answer: &Answer,
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        let (tokens, images) = (render(chat).split_whitespace().count(), chat.images().count());
        let need = |memory: &Memory| Need {
            prompt_tokens: tokens,
            image_tokens: images,
            run_tokens: tokens,
            frames: images,
            chunk: self.chunk.min(tokens),
            kv_bytes: memory.kv_bytes(),
            activation_bytes: 0,
            largest_buffer_bytes: memory.largest_bytes(images, answer.question_bytes),
            held_bytes: memory.held_bytes(),
        };
        let mut admission = observer.admit(&need(&self.memory));
        if admission == Admission::GiveUp {
            self.memory.shrink(0);
            admission = observer.admit(&need(&self.memory));
        }
        match admission {
            Admission::Refused(error) => Err(error),
            Admission::Granted | Admission::GiveUp => Ok(()),
        }
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
        let answer = self.answer_to(chat)?;
        self.admit(chat, &answer, observer)?;
        let mut work = |phase| {
            observer.reached(phase)?;
            answer.fail_in(phase, &self.memory)
        };
        work(Phase::Preprocess)?;
        work(Phase::Vision)?;
        drop(self.memory.see(chat.images().count())?);
        work(Phase::Prefill)?;
        let buffers = self.memory.answer(answer.question_bytes)?;
        let shown = |path: &PathBuf| {
            let substitute = loses.and_then(Loss::substitute);
            substitute.map_or_else(|| digest(path), Ok)
        };
        let images = chat.images().map(shown).collect::<Result<_, _>>()?;
        work(Phase::Decode)?;
        let text = answer.says(chat);
        let mut generation = say(&text, chat, options, observer, images, start)?;
        generation.usage.prefill_chunk = self.chunk.min(generation.usage.prompt_tokens);
        drop(buffers);
        self.memory.answered()?;
        if answer.phase() == Phase::CleanUp {
            self.memory.at_next_clear(move || answer.misbehave());
        }
        Ok(generation)
    }

    fn held_bytes(&self) -> u64 {
        self.memory.held_bytes()
    }

    fn shrink_caches(&mut self, bytes: u64) {
        self.memory.shrink(bytes);
    }

    fn limit_prefill_chunk(&mut self, positions: usize) {
        self.chunk = positions;
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

#[cfg(test)]
mod memory_tests;

//! `vlm-test ask`: one question to one model.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{catch_interrupts, check_load_options, fetch::fetch_missing, this_program};
use crate::{
    backend::registry::Registry,
    cli::AskArgs,
    error::{CommandError, ExitStatus},
    memory::{CleanupSchedule, Level, MemoryLimits, QuestionMemory, StepCounter},
    report::{ConsoleOptions, answer, console, json as render},
    vlm::{
        Chat, Content, FinishReason, Generation, GenerationOptions, Message, Timings, TokenLogprob,
        Usage,
    },
    worker::{
        Exchange, Told, WorkerProcess,
        protocol::{Load, Question},
    },
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    model: &'a str,
    answer: &'a str,
    finish_reason: FinishReason,
    prompt: &'a str,
    prompt_token_ids: &'a [i32],
    token_ids: &'a [u32],
    logprobs: &'a [TokenLogprob],
    usage: Usage,
    timings_ms: Timings,
    memory: QuestionMemory,
}

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] when the model cannot be opened or has no answer.
pub fn run(args: &AskArgs) -> Result<ExitStatus, CommandError> {
    let mut model = Registry::load()?.resolve(&args.model)?;
    check_load_options(&args.load, std::iter::once(&model))?;
    let chat = chat(args)?;
    let options = ConsoleOptions { json: args.json, ..ConsoleOptions::default() };
    fetch_missing(std::slice::from_mut(&mut model), args.offline, options)?;
    let load = Load {
        path: model.ready()?,
        manifest: model.manifest,
        options: args.load.options(),
        cleanup: CleanupSchedule::Never,
        limits: MemoryLimits::default(),
        level: Level::Normal,
    };
    let name = load.manifest.name.clone();
    let log = tempfile::NamedTempFile::new().map_err(|error| {
        CommandError::new(
            ExitStatus::CouldNotTest,
            format!("cannot write a temporary file: {error}"),
        )
    })?;
    let interrupt = catch_interrupts()?;
    let (mut worker, _) =
        WorkerProcess::start(&this_program()?, log.path(), &load, args.load.limit(), interrupt)?;
    let question = Question {
        id: 0,
        step: StepCounter::default().next(None),
        chat,
        options: GenerationOptions {
            max_tokens: args.max_tokens,
            temperature: args.temperature,
            top_p: args.top_p,
            seed: args.seed,
            logprobs: args.logprobs,
            ..Default::default()
        },
        stream: !args.json,
    };
    let mut streamed = Ok(());
    let limit = Duration::from_secs(args.timeout as u64);
    let exchange = worker.ask(&question, limit, interrupt, &mut |told| {
        if let (Told::Text(piece), Ok(())) = (told, &streamed) {
            streamed = console::print_piece(&piece);
        }
    });
    streamed?;
    let (generation, memory) = answered(exchange)?;
    worker.stop();
    show(args, &name, &generation, memory)?;
    Ok(ExitStatus::Pass)
}

fn show(
    args: &AskArgs,
    model: &str,
    generation: &Generation,
    memory: QuestionMemory,
) -> Result<(), CommandError> {
    if args.json {
        let printed = Printed {
            model,
            answer: &generation.answer,
            finish_reason: generation.finish_reason,
            prompt: &generation.prompt,
            prompt_token_ids: &generation.prompt_token_ids,
            token_ids: &generation.token_ids,
            logprobs: &generation.logprobs,
            usage: generation.usage,
            timings_ms: generation.timings,
            memory,
        };
        console::print(&render::pretty(&printed)?)?;
    } else {
        console::print("\n")?;
        console::print_remark(&answer::figures(generation, Some(&memory)));
    }
    Ok(())
}

fn answered(exchange: Exchange) -> Result<(Generation, QuestionMemory), CommandError> {
    let failed = |message: String| CommandError::new(ExitStatus::Failed, message);
    match exchange {
        Exchange::Answered { generation, memory } => Ok((*generation, memory)),
        Exchange::Failed { error, .. } => Err(failed(error.to_string())),
        Exchange::TimedOut { limit } => {
            Err(failed(format!("no answer within {} s", limit.as_secs()))
                .hint("allow more with --timeout"))
        }
        Exchange::RestartWanted(_) => {
            Err(failed("memory is too short for the question".to_owned())
                .hint("close other programs, or show a smaller image"))
        }
        Exchange::Crashed(death) => Err(failed(format!("the model's process died: {death}"))),
        Exchange::Interrupted => Err(CommandError::new(ExitStatus::Interrupted, "interrupted")),
    }
}

/// The earlier turns, then the images and the question.
fn chat(args: &AskArgs) -> Result<Chat, CommandError> {
    let mut messages = match &args.history {
        Some(path) => history(path)?,
        None => Vec::new(),
    };
    messages.push(Message::user(args.image.clone(), args.question.clone()));
    Ok(Chat { messages })
}

fn history(path: &Path) -> Result<Vec<Message>, CommandError> {
    let wrong =
        |error: &dyn std::fmt::Display| CommandError::usage(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let expected = "expected a list of {\"role\", \"content\": [{\"type\": \"image\", \"path\"} | {\"type\": \"text\", \"text\"}]}";
    let mut messages: Vec<Message> =
        serde_json::from_value(listed(value)).map_err(|error| wrong(&error).hint(expected))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let parts = messages.iter_mut().flat_map(|message| &mut message.content);
    for part in parts {
        if let Content::Image { path } = part {
            *path = beside(folder, path);
        }
    }
    Ok(messages)
}

/// Plain strings are a common short form of a single text part.
fn listed(mut messages: Value) -> Value {
    for message in messages.as_array_mut().into_iter().flatten() {
        if let Some(content) = message.get_mut("content")
            && let Some(text) = content.as_str()
        {
            *content = json!([{ "type": "text", "text": text }]);
        }
    }
    messages
}

/// An image named in a history lies beside the history, or else where the user is.
fn beside(folder: &Path, image: &Path) -> PathBuf {
    let there = folder.join(image);
    if there.exists() { there } else { image.to_owned() }
}

//! The only file that prints. Results go to standard output; whatever happens on
//! the way there goes to standard error.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use console::{Style, Term};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Problem,
    layout::Look,
    live::{self, Progress},
    policies, table,
    text::escape_keeping_lines,
};
use crate::results::{Entry, Event, PolicyReport, RunReport};

/// Columns where there is no terminal to ask.
const PIPED_COLUMNS: usize = 100;
/// Narrower is not laid out for.
const LEAST_COLUMNS: usize = 20;
/// How often a line that shows passing time is drawn again.
const TICK: Duration = Duration::from_millis(200);

/// How much is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Only results and errors.
    Quiet,
    /// Progress as well.
    #[default]
    Normal,
    /// Every question as well.
    Verbose,
}

/// What the user wants to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsoleOptions {
    /// How much is told.
    pub verbosity: Verbosity,
    /// Whether standard output is for JSON and nothing else.
    pub json: bool,
}

/// Shows a run while it goes on and its results at the end.
#[derive(Debug)]
pub struct Console {
    options: ConsoleOptions,
    progress: Progress,
    bar: Option<ProgressBar>,
}

impl Console {
    /// A console on this process's standard streams.
    pub fn new(options: ConsoleOptions) -> Self {
        let live = options.verbosity != Verbosity::Quiet && stderr_is_live();
        let bar = live.then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        // Until there is progress to show, nothing is; the library's default is a bar.
        if let Some(bar) = &bar {
            set_style(bar, "{msg}");
        }
        Self { options, progress: Progress::default(), bar }
    }

    /// Shows what `entry` changes.
    pub fn observe(&mut self, entry: &Entry) {
        self.progress.observe(entry);
        if self.options.verbosity == Verbosity::Quiet {
            return;
        }
        if let Some(warning) = live::warning(&entry.event) {
            let word = Style::new().for_stderr().yellow().apply_to("warning:").to_string();
            self.line(&format!("{word} {warning}"));
        }
        if let Some(notice) = live::notice(&entry.event) {
            self.line(&notice);
        }
        if let Event::QuestionFinished { result, .. } = &entry.event {
            self.question_finished(result);
        }
        self.draw(&entry.event);
    }

    fn question_finished(&self, result: &crate::results::QuestionResult) {
        let columns = columns(&Term::stderr());
        if self.options.verbosity == Verbosity::Verbose {
            let lines = live::question_lines(result, self.progress.planned, columns);
            for line in &lines {
                self.line(line);
            }
        } else if self.bar.is_none() && self.progress.at_a_tenth() {
            self.line(&self.progress.line(columns, false));
        }
    }

    fn draw(&self, event: &Event) {
        let Some(bar) = &self.bar else { return };
        match event {
            Event::RunStarted { .. } => {}
            Event::ModelFinished { .. } | Event::RunFinished { .. } => {
                bar.disable_steady_tick();
                bar.set_message("");
                bar.finish_and_clear();
            }
            _ => self.draw_progress(bar),
        }
    }

    fn draw_progress(&self, bar: &ProgressBar) {
        let columns = columns(&Term::stderr());
        if self.progress.loading {
            set_style(bar, "{spinner} {msg} {elapsed}");
            bar.reset();
            bar.enable_steady_tick(TICK);
            bar.set_message(self.progress.line(columns.saturating_sub(8), true));
        } else {
            bar.disable_steady_tick();
            set_style(bar, "{msg}");
            // The last column stays free: some terminals wrap when it is written.
            bar.set_message(self.progress.line(columns.saturating_sub(1), true));
            bar.tick();
        }
    }

    /// A line on standard error, above the bar if there is one.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| to_stderr(&format!("{line}\n"))),
            None => to_stderr(&format!("{line}\n")),
        }
    }

    /// Shows the results: the table, or with `json` the report itself on standard
    /// output and the table on standard error.
    ///
    /// # Errors
    /// If standard output does not take it, e.g. onto a full disk. A reader that
    /// went away is no error.
    pub fn finish(&mut self, report: &RunReport, place: &Path) -> io::Result<()> {
        self.stop_drawing();
        let place = place.to_string_lossy();
        let table = |look| table::render(report, Some(&place), look);
        if !self.options.json {
            return to_stdout(&table(look_of(&Term::stdout(), console::colors_enabled())));
        }
        if self.options.verbosity != Verbosity::Quiet {
            to_stderr(&table(look_of(&Term::stderr(), console::colors_enabled_stderr())));
        }
        to_stdout(&report.to_json().map_err(io::Error::other)?)
    }

    /// Shows a comparison of policies, as [`finish`](Self::finish) shows a run.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn finish_policies(&mut self, report: &PolicyReport, place: &Path) -> io::Result<()> {
        self.stop_drawing();
        let place = place.to_string_lossy();
        if self.options.json {
            return to_stdout(&report.to_json().map_err(io::Error::other)?);
        }
        to_stdout(&policies::render(
            report,
            &place,
            look_of(&Term::stdout(), console::colors_enabled()),
        ))
    }

    /// Ends the line that is drawn again and again.
    fn stop_drawing(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// A remark on standard error, unless quiet; control codes are spelled out.
    pub fn note(&self, text: &str) {
        if self.options.verbosity != Verbosity::Quiet {
            self.line(&escape_keeping_lines(text));
        }
    }
}

/// Writes a rendered text to standard output.
///
/// # Errors
/// As [`Console::finish`].
pub fn print(text: &str) -> io::Result<()> {
    to_stdout(text)
}

/// Writes a piece of an answer as it comes, with what a terminal could act on
/// spelled out.
///
/// # Errors
/// As [`Console::finish`].
pub fn print_piece(piece: &str) -> io::Result<()> {
    to_stdout(&escape_keeping_lines(piece))
}

/// Shows a remark on standard error.
pub fn print_remark(text: &str) {
    to_stderr(text);
}

/// Shows an error on standard error.
pub fn print_problem(problem: &Problem) {
    to_stderr(&problem.render(console::colors_enabled_stderr()));
}

/// Columns for what is printed to standard output.
pub fn stdout_columns() -> usize {
    columns(&Term::stdout())
}

/// Whether standard error is a terminal on which lines can be drawn again.
pub(super) fn stderr_is_live() -> bool {
    is_live_terminal(&Term::stderr())
}

/// A bar of `length` on standard error.
pub(super) fn stderr_bar(length: u64) -> ProgressBar {
    ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

fn is_live_terminal(term: &Term) -> bool {
    term.features().is_attended() && std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

fn columns(term: &Term) -> usize {
    let known = term.size_checked().map(|(_, columns)| usize::from(columns));
    known.filter(|columns| *columns > 0).map_or(PIPED_COLUMNS, |c| c.max(LEAST_COLUMNS))
}

fn look_of(term: &Term, colour: bool) -> Look {
    Look { width: columns(term), colour }
}

fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// There is nowhere to report that standard error is gone.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

//! How a download is shown: a bar for each file on a terminal, plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    ConsoleOptions, Verbosity, console,
    text::escape,
    units::{bytes, milliseconds},
};
use crate::backend::hub::PullEvent;

/// How often a file that takes long is mentioned where there is no bar.
const REMARK: Duration = Duration::from_secs(10);
const BAR: &str = "{prefix:32!} {wide_bar} {percent:>3} % {decimal_bytes:>9} {decimal_bytes_per_sec:>11} {eta:>4}";

/// Shows downloads on standard error.
#[derive(Debug)]
pub struct Downloads {
    shown: bool,
    live: bool,
    bar: Option<ProgressBar>,
    file: Option<Current>,
}

/// The file that is arriving.
#[derive(Debug)]
struct Current {
    name: String,
    size: u64,
    remarked: Instant,
}

impl Downloads {
    /// A view that obeys `options`: with `--quiet` or `--json` nothing is shown.
    pub fn new(options: ConsoleOptions) -> Self {
        let shown = options.verbosity != Verbosity::Quiet && !options.json;
        Self { shown, live: shown && console::stderr_is_live(), bar: None, file: None }
    }

    /// Shows `event`.
    pub fn observe(&mut self, event: PullEvent<'_>) {
        if !self.shown {
            return;
        }
        match event {
            PullEvent::Started { name, size, have } => self.start(name, size, have),
            PullEvent::Received { have } => self.advance(have),
            // The line below takes its place.
            PullEvent::Finished { .. } => self.end_bar(),
            PullEvent::Resolved { .. } | PullEvent::Locked { .. } | PullEvent::Waiting { .. } => {}
        }
        let Some(line) = self.line(event) else { return };
        match &self.bar {
            Some(bar) => bar.suspend(|| console::print_remark(&line)),
            None => console::print_remark(&line),
        }
    }

    fn end_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn start(&mut self, name: &str, size: u64, have: u64) {
        let name = escape(name);
        if self.live {
            self.end_bar();
            let bar = console::stderr_bar(size);
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style);
            }
            bar.set_prefix(name.clone());
            bar.set_position(have);
            bar.reset_eta();
            self.bar = Some(bar);
        }
        self.file = Some(Current { name, size, remarked: Instant::now() });
    }

    fn advance(&mut self, have: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(have);
        }
    }

    /// What is said of an event besides the bar.
    fn line(&mut self, event: PullEvent<'_>) -> Option<String> {
        let line = match event {
            PullEvent::Resolved { repository, revision, commit, files, bytes: missing } => {
                let missing = match files {
                    0 => "nothing to fetch".to_owned(),
                    1 => format!("1 file, {} to fetch", bytes(missing)),
                    _ => format!("{files} files, {} to fetch", bytes(missing)),
                };
                let revision =
                    if revision == commit { String::new() } else { format!("{revision} is ") };
                format!("{repository}: {revision}commit {commit}; {missing}")
            }
            PullEvent::Locked { name } => {
                format!("{name}: another process is fetching it; waiting for that")
            }
            PullEvent::Started { name, size, have } if have > 0 && !self.live => {
                format!("{name}: {} of {} are here, going on from there", bytes(have), bytes(size))
            }
            PullEvent::Received { have } if !self.live => {
                let file = self.file.as_mut().filter(|file| file.remarked.elapsed() >= REMARK)?;
                file.remarked = Instant::now();
                format!("{}: {} of {}", file.name, bytes(have), bytes(file.size))
            }
            PullEvent::Waiting { reason, wait } => {
                format!("{reason}; next try in {}", milliseconds(wait.as_secs_f64() * 1e3))
            }
            PullEvent::Finished { name, size } => {
                format!("{name}: {}, verified", bytes(size))
            }
            PullEvent::Started { .. } | PullEvent::Received { .. } => return None,
        };
        Some(escape(&line) + "\n")
    }
}

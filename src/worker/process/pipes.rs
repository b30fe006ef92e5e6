//! A worker's standard input and output, each served by a thread, so that neither a
//! worker that does not read nor one that does not write can hold up the runner.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use crate::worker::protocol::{Ask, LINE_PREFIX, Reply};

#[derive(Debug)]
pub(super) struct Pipes {
    asks: Option<Sender<Ask>>,
    replies: Receiver<Reply>,
    foreign: Foreign,
}

/// The last of what the worker wrote to its output that is no reply.
type Foreign = Arc<Mutex<String>>;
/// So much of it is kept.
const FOREIGN_BYTES: usize = 4096;

impl Pipes {
    /// Takes over the pipes of `child`.
    pub(super) fn of(child: &mut Child) -> io::Result<Self> {
        let missing = || io::Error::other("the worker has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let (asks, to_write) = mpsc::channel();
        let (read, replies) = mpsc::channel();
        let name = |what| thread::Builder::new().name(format!("worker-{what}"));
        name("asks").spawn(move || write_asks(stdin, &to_write))?;
        let foreign = Foreign::default();
        let kept = Arc::clone(&foreign);
        name("replies").spawn(move || read_replies(stdout, &read, &kept))?;
        Ok(Self { asks: Some(asks), replies, foreign })
    }

    /// Hands over `ask`. That a worker is gone shows when its reply is waited for.
    pub(super) fn send(&self, ask: Ask) {
        if let Some(asks) = &self.asks {
            let _ = asks.send(ask);
        }
    }

    /// The next reply, waiting at most `limit`.
    pub(super) fn receive(&self, limit: Duration) -> Result<Reply, RecvTimeoutError> {
        self.replies.recv_timeout(limit)
    }

    /// What it wrote last besides replies, a few thousand bytes at most.
    pub(super) fn foreign_output(&self) -> String {
        self.foreign.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the worker's input.
    pub(super) fn close(&mut self) {
        self.asks = None;
    }
}

fn write_asks(mut stdin: ChildStdin, asks: &Receiver<Ask>) {
    for ask in asks {
        let written = serde_json::to_string(&ask)
            .map_err(io::Error::from)
            .and_then(|json| stdin.write_all(format!("{json}\n").as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "the worker takes no more questions");
            return;
        }
    }
}

fn read_replies(stdout: impl Read, replies: &Sender<Reply>, foreign: &Mutex<String>) {
    let mut lines = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read the worker's output");
                return;
            }
        }
        let (noise, reply) = parse(&line);
        keep(foreign, &noise);
        let Some(reply) = reply else { continue };
        if replies.send(reply).is_err() {
            return;
        }
    }
}

/// Adds `noise` to what is kept, and drops what is too old.
fn keep(foreign: &Mutex<String>, noise: &str) {
    if noise.trim().is_empty() {
        return;
    }
    let mut kept = foreign.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push_str(noise);
    let too_much = kept.len().saturating_sub(FOREIGN_BYTES);
    let cut = kept.ceil_char_boundary(too_much);
    kept.drain(..cut);
}

/// What is foreign on `line`, and the reply behind it, if there is one. A library may have
/// printed before it without ending its line.
fn parse(line: &[u8]) -> (String, Option<Reply>) {
    let text = String::from_utf8_lossy(line);
    let Some((noise, json)) = text.split_once(LINE_PREFIX) else {
        tracing::debug!(line = text.trim_end(), "foreign output of the worker");
        return (text.into_owned(), None);
    };
    if !noise.is_empty() {
        tracing::debug!(line = noise, "foreign output of the worker");
    }
    let reply = serde_json::from_str(json).map_err(|error| {
        tracing::warn!(%error, line = json.trim_end(), "the worker's reply is not understood");
    });
    (noise.to_owned(), reply.ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replies_in(output: &[u8]) -> Vec<Reply> {
        read(output).0
    }

    fn read(output: &[u8]) -> (Vec<Reply>, String) {
        let (sender, receiver) = mpsc::channel();
        let foreign = Foreign::default();
        read_replies(output, &sender, &foreign);
        drop(sender);
        let kept = foreign.lock().unwrap().clone();
        (receiver.into_iter().collect(), kept)
    }

    fn piece(id: u64, piece: &str) -> Reply {
        Reply::Text { id, piece: piece.to_owned() }
    }

    #[test]
    fn noise_before_between_and_on_the_line_of_replies_is_ignored() {
        let output = b"loading...\n@vlm-test {\"reply\":\"text\",\"id\":1,\"piece\":\"a\"}\n\
            \xff\xfe not text \n\n@vlm-test nonsense\n\
            MLX warning: @vlm-test {\"reply\":\"text\",\"id\":2,\"piece\":\"b\"}\n\
            {\"reply\":\"text\",\"id\":3,\"piece\":\"no prefix\"}\n@vlm-test {\"reply\":\"te";
        assert_eq!(replies_in(output), [piece(1, "a"), piece(2, "b")]);
    }

    #[test]
    fn of_foreign_output_the_last_is_kept_and_no_reply() {
        let output = b"one\n@vlm-test {\"reply\":\"text\",\"id\":1,\"piece\":\"a\"}\n\ntwo\nthree";
        assert_eq!(read(output).1, "one\ntwo\nthree");
        let (_, kept) = read("é\n".repeat(5000).as_bytes());
        assert!(kept.len() <= FOREIGN_BYTES && kept.len() > FOREIGN_BYTES - 4, "{}", kept.len());
        assert!(kept.ends_with("é\n"));
    }

    proptest! {
        #[test]
        fn any_text_survives_the_way_through_a_line(text in ".*", noise in "[^@\n]*") {
            let reply = piece(7, &text);
            let json = serde_json::to_string(&reply).unwrap();
            let output = format!("{noise}\n{LINE_PREFIX}{json}\n{noise}");
            prop_assert_eq!(replies_in(output.as_bytes()), [reply]);
        }

        #[test]
        fn no_bytes_can_stop_the_reader(bytes: Vec<u8>) {
            let mut output = bytes;
            output.extend_from_slice(b"\n@vlm-test {\"reply\":\"text\",\"id\":1,\"piece\":\"a\"}\n");
            prop_assert!(replies_in(&output).contains(&piece(1, "a")));
        }
    }
}

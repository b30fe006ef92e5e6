//! A worker's standard input and output, each served by a thread, so that neither a
//! worker that does not read nor one that does not write can hold up the runner.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use crate::worker::protocol::{Ask, LINE_PREFIX, Reply};

#[derive(Debug)]
pub(super) struct Pipes {
    asks: Option<Sender<Ask>>,
    replies: Receiver<Reply>,
}

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
        name("replies").spawn(move || read_replies(stdout, &read))?;
        Ok(Self { asks: Some(asks), replies })
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

fn read_replies(stdout: impl Read, replies: &Sender<Reply>) {
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
        let Some(reply) = parse(&line) else { continue };
        if replies.send(reply).is_err() {
            return;
        }
    }
}

/// The reply on `line`, if there is one. A library may have printed before it without
/// ending its line.
fn parse(line: &[u8]) -> Option<Reply> {
    let text = String::from_utf8_lossy(line);
    let Some((noise, json)) = text.split_once(LINE_PREFIX) else {
        tracing::debug!(line = text.trim_end(), "foreign output of the worker");
        return None;
    };
    if !noise.is_empty() {
        tracing::debug!(line = noise, "foreign output of the worker");
    }
    match serde_json::from_str(json) {
        Ok(reply) => Some(reply),
        Err(error) => {
            tracing::warn!(%error, line = json.trim_end(), "the worker's reply is not understood");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn replies_in(output: &[u8]) -> Vec<Reply> {
        let (sender, receiver) = mpsc::channel();
        read_replies(output, &sender);
        drop(sender);
        receiver.into_iter().collect()
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

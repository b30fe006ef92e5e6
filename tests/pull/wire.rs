//! As much of HTTP/1.1 as a server of tests needs, and a proxy.

use std::{
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A request, as far as it matters.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    /// The first byte of the range asked for.
    pub from: Option<usize>,
    pub authorization: Option<String>,
}

/// Reads a request; `None` if the other side went away.
pub fn read_request(stream: impl Read) -> Option<Request> {
    let lines = read_head(stream)?;
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let header = |sought: &str| {
        let fields = lines.iter().filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(name, _)| name.eq_ignore_ascii_case(sought));
        values.next().map(|(_, value)| value.to_owned())
    };
    let from = header("range").map(|range| {
        range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap()
    });
    Some(Request { path, from, authorization: header("authorization") })
}

fn read_head(stream: impl Read) -> Option<Vec<String>> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

/// What is sent back.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Bytes after which the body stops short, and how long the connection stays open then.
    pub stop_after: Option<(usize, Duration)>,
}

impl Reply {
    pub fn of(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), stop_after: None }
    }

    /// A file, or what of it begins at `from`.
    pub fn range(content: &[u8], from: Option<usize>) -> Self {
        let Some(from) = from else {
            return Self { body: content.to_vec(), ..Self::of(200) };
        };
        if from >= content.len() {
            return Self::of(416);
        }
        let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
        Self { body: content[from..].to_vec(), ..Self::of(206) }.header("Content-Range", &range)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it all, or as much as the other side takes, and tells `sent` how much it was.
    pub fn send(&self, stream: &mut impl Write, mut sent: impl FnMut(usize)) {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (status, headers, length) = (self.status, headers.concat(), self.body.len());
        let head = format!(
            "HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        let end = self.stop_after.map_or(self.body.len(), |(bytes, _)| bytes.min(self.body.len()));
        for (index, piece) in self.body[..end].chunks(4096).enumerate() {
            if stream.write_all(piece).is_err() {
                return;
            }
            sent(index * 4096 + piece.len());
        }
        if let Some((_, open)) = self.stop_after {
            thread::sleep(open);
        }
    }
}

/// A proxy that tunnels; what it was asked for, line by line.
pub fn start_proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, log) = (client.unwrap(), Arc::clone(&log));
            thread::spawn(move || tunnel(client, &log));
        }
    });
    (address, asked)
}

fn tunnel(mut client: TcpStream, log: &Mutex<Vec<String>>) {
    let line = read_head(&client).unwrap().remove(0);
    let target = line.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
    log.lock().unwrap().push(target.clone());
    let mut server = TcpStream::connect(target).unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

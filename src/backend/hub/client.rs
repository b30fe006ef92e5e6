//! One request to the hub at a time, on a thread of its own, so that Ctrl-C and silence
//! are noticed whatever the network does.

use std::{
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, Uri, header},
    tls::{RootCerts, TlsConfig},
};

use super::{
    HubError, HubSettings,
    refusal::{Subject, broken, failed, refused},
    settings::proxy_for,
};

/// How often Ctrl-C is looked for.
const POLL: Duration = Duration::from_millis(50);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes handed over at a time, and how many such pieces may wait for the disk.
const PIECE: usize = 256 << 10;
const PIECES: usize = 8;
const MAX_REDIRECTS: usize = 10;
/// Far more than the hub's longest listing.
const MAX_TEXT: usize = 64 << 20;

/// A connection to the hub that the settings name.
pub struct Client<'a> {
    /// The settings.
    pub settings: Arc<HubSettings>,
    agent: Agent,
    interrupt: &'a AtomicBool,
}

/// An answer whose body is still to come.
pub struct Answer<'a> {
    /// Where in the file the body begins.
    pub start: u64,
    /// The size of the whole file, where the server says it.
    pub total: Option<u64>,
    host: String,
    pieces: Receiver<Piece>,
    silence: Duration,
    interrupt: &'a AtomicBool,
}

enum Piece {
    Head(Result<Head, HubError>),
    Bytes(Vec<u8>),
    End(Result<(), HubError>),
}

struct Head {
    status: u16,
    headers: HeaderMap,
    host: String,
}

impl<'a> Client<'a> {
    /// A client; nothing is sent yet. A rise of `interrupt` ends every wait.
    pub fn new(settings: HubSettings, interrupt: &'a AtomicBool) -> Self {
        // Fails only where it was done before.
        drop(rustls::crypto::ring::default_provider().install_default());
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // Followed here: each host gets its own proxy, and only the hub the token.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("vlm-test/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(settings.silence))
            .timeout_per_read(Some(settings.silence))
            .build();
        Self { settings: Arc::new(settings), agent: config.new_agent(), interrupt }
    }

    /// Asks for `path` below the endpoint, from the byte `from` on.
    ///
    /// # Errors
    /// What the server or the network says; [`HubError::Interrupted`].
    pub fn get(
        &self,
        path: &str,
        from: u64,
        subject: &Subject<'_>,
    ) -> Result<Answer<'a>, HubError> {
        let (sender, pieces) = sync_channel(PIECES);
        let url = format!("{}{path}", self.settings.endpoint);
        let (agent, settings) = (self.agent.clone(), Arc::clone(&self.settings));
        let first = url.clone();
        thread::spawn(move || exchange(&agent, &settings, &first, from, &sender));
        let mut answer = Answer {
            start: 0,
            total: None,
            host: String::new(),
            pieces,
            silence: Duration::MAX,
            interrupt: self.interrupt,
        };
        let head = match answer.next_piece()? {
            Piece::Head(head) => head?,
            Piece::Bytes(_) | Piece::End(_) => return Err(broken(&url, String::new())),
        };
        if !matches!(head.status, 200 | 206) {
            return Err(refused(&self.settings, subject, &url, head.status, &head.headers));
        }
        (answer.start, answer.total) = extent(&head, from);
        answer.host = head.host;
        answer.silence = self.settings.silence;
        Ok(answer)
    }

    /// Waits for `time`.
    ///
    /// # Errors
    /// [`HubError::Interrupted`].
    pub fn wait(&self, time: Duration) -> Result<(), HubError> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.check_interrupt()?;
            thread::sleep(POLL.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`HubError::Interrupted`] if not.
    pub fn check_interrupt(&self) -> Result<(), HubError> {
        if self.interrupt.load(Ordering::Relaxed) { Err(HubError::Interrupted) } else { Ok(()) }
    }
}

impl Answer<'_> {
    /// The next bytes of the body; `None` after the last.
    ///
    /// # Errors
    /// [`HubError::Broken`], [`HubError::Silent`] or [`HubError::Interrupted`].
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, HubError> {
        match self.next_piece()? {
            Piece::Bytes(bytes) => Ok(Some(bytes)),
            Piece::End(end) => end.map(|()| None),
            Piece::Head(_) => Ok(None),
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Answer::next_bytes`], and if it is longer than any listing.
    pub fn text(mut self) -> Result<Vec<u8>, HubError> {
        let mut text = Vec::new();
        while let Some(bytes) = self.next_bytes()? {
            if text.len() + bytes.len() > MAX_TEXT {
                return Err(broken(&self.host, "an answer without end".to_owned()));
            }
            text.extend_from_slice(&bytes);
        }
        Ok(text)
    }

    fn next_piece(&mut self) -> Result<Piece, HubError> {
        let since = Instant::now();
        loop {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(HubError::Interrupted);
            }
            match self.pieces.recv_timeout(POLL) {
                Ok(piece) => return Ok(piece),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(broken(&self.host, String::new()));
                }
                Err(RecvTimeoutError::Timeout) if since.elapsed() > self.silence => {
                    let (host, limit) = (self.host.clone(), self.silence);
                    return Err(HubError::Silent { host, limit });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// Start of the body in the file and size of the whole file.
fn extent(head: &Head, from: u64) -> (u64, Option<u64>) {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    if head.status == 206 {
        // `bytes 100-199/200`
        let range = text(header::CONTENT_RANGE).and_then(|it| it.strip_prefix("bytes "));
        let (span, total) = range.and_then(|it| it.split_once('/')).unwrap_or_default();
        let start = span.split_once('-').and_then(|(start, _)| start.parse().ok());
        return (start.unwrap_or(from), total.parse().ok());
    }
    (0, text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()))
}

/// Runs on the thread: sends the head, then the body, then the end. Nobody listens any
/// more when a send fails.
fn exchange(
    agent: &Agent,
    settings: &HubSettings,
    url: &str,
    from: u64,
    sender: &SyncSender<Piece>,
) {
    let (host, response) = match follow(agent, settings, url, from) {
        Ok(found) => found,
        Err(error) => return drop(sender.send(Piece::Head(Err(error)))),
    };
    let (parts, body) = response.into_parts();
    let (status, headers) = (parts.status.as_u16(), parts.headers);
    if sender.send(Piece::Head(Ok(Head { status, headers, host: host.clone() }))).is_err() {
        return;
    }
    let mut body = body.into_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let sent = match body.read(&mut piece) {
            Ok(0) => return drop(sender.send(Piece::End(Ok(())))),
            Ok(count) => {
                piece.truncate(count);
                sender.send(Piece::Bytes(piece))
            }
            Err(error) => {
                let error = failed(&host, settings.silence, error.into());
                return drop(sender.send(Piece::End(Err(error))));
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Follows redirects to the response, and says whose it is.
fn follow(
    agent: &Agent,
    settings: &HubSettings,
    url: &str,
    from: u64,
) -> Result<(String, Response<Body>), HubError> {
    let nonsense =
        |url: &str, message: &str| HubError::Nonsense { url: url.into(), message: message.into() };
    let hub: Uri = parsed(&settings.endpoint).ok_or_else(|| nonsense(url, "not a URL"))?;
    let mut url: Uri = parsed(url).ok_or_else(|| nonsense(url, "not a URL"))?;
    for _ in 0..=MAX_REDIRECTS {
        let proxy = proxy_for(&url)?;
        let mut host = url.authority().map_or_else(String::new, ToString::to_string);
        if let Some(proxy) = &proxy {
            host = format!("{host} through the proxy {}:{}", proxy.host(), proxy.port());
        }
        let mut request = agent.get(url.clone()).config().proxy(proxy).build();
        if let Some(token) = settings.token.as_ref().filter(|_| origin(&url) == origin(&hub)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| failed(&host, settings.silence, error))?;
        let location = response
            .headers()
            .get(header::LOCATION)
            .filter(|_| matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308));
        let Some(location) = location else { return Ok((host, response)) };
        let target = location.to_str().ok().and_then(|location| joined(&url, location));
        url = target.ok_or_else(|| nonsense(&url.to_string(), "a redirect to nowhere"))?;
    }
    Err(nonsense(&url.to_string(), "redirects without end"))
}

fn parsed(url: &str) -> Option<Uri> {
    url.parse().ok()
}

/// Whom a URL speaks to.
fn origin(url: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let usual = match url.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    (url.scheme_str(), url.host().map(str::to_lowercase), url.port_u16().or(usual))
}

/// The URL that `location`, absolute or relative, means in an answer to `base`.
fn joined(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return parsed(location);
    }
    let scheme = base.scheme_str()?;
    if let Some(rest) = location.strip_prefix("//") {
        return parsed(&format!("{scheme}://{rest}"));
    }
    let site = format!("{scheme}://{}", base.authority()?);
    if location.starts_with('/') {
        return parsed(&format!("{site}{location}"));
    }
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    parsed(&format!("{site}{folder}/{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_may_be_absolute_or_relative_in_any_way() {
        let base = parsed("https://hub.example/org/old/resolve/main/a.json?x=1").unwrap();
        for (location, expected) in [
            ("http://cdn.example:81/b", "http://cdn.example:81/b"),
            ("//cdn.example/b?c=d", "https://cdn.example/b?c=d"),
            ("/org/new/a.json", "https://hub.example/org/new/a.json"),
            ("b.json", "https://hub.example/org/old/resolve/main/b.json"),
        ] {
            assert_eq!(joined(&base, location).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn the_token_belongs_to_one_scheme_host_and_port() {
        let same = |one: &str, other: &str| {
            origin(&parsed(one).unwrap()) == origin(&parsed(other).unwrap())
        };
        assert!(same("https://Hub.example/a", "https://hub.example:443/b"));
        for other in
            ["http://hub.example/a", "https://hub.example:8443/a", "https://hub.example.evil/"]
        {
            assert!(!same("https://hub.example/a", other), "{other}");
        }
    }
}

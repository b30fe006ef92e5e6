//! Why a model does not arrive from the hub, each in one sentence with what to do.

use std::{io, path::PathBuf, time::Duration};

/// Why a model does not arrive.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The network is forbidden.
    #[error(
        "{repository} is not complete in {} and the network is off: run again without --offline and HF_HUB_OFFLINE",
        cache.display()
    )]
    Offline {
        /// The repository.
        repository: String,
        /// The cache that was searched.
        cache: PathBuf,
    },
    /// There is nowhere to download to.
    #[error("no place for downloads: set HF_HOME or HOME to a writable folder")]
    NoCache,
    /// `HF_ENDPOINT`, `HF_TOKEN` or a proxy variable cannot be used.
    #[error("{variable} {message}")]
    Setting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with its value.
        message: String,
    },
    /// Access must be granted first.
    #[error(
        "access to {repository} must be granted by its owners: request it at {page}, then set HF_TOKEN{}",
        if *with_token { " to a token of an account that has it (the one set is not enough)" } else { "" }
    )]
    Gated {
        /// The repository.
        repository: String,
        /// Its page.
        page: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The hub does not accept the token.
    #[error(
        "{endpoint} refuses the token for {repository} (HTTP {status}): set HF_TOKEN to a valid one, or remove it"
    )]
    Token {
        /// The hub.
        endpoint: String,
        /// The repository.
        repository: String,
        /// 401 or 403.
        status: u16,
    },
    /// No such repository.
    #[error("{endpoint} has no model {repository}: check the name; if it is private, set HF_TOKEN")]
    NoRepository {
        /// The hub.
        endpoint: String,
        /// The repository.
        repository: String,
    },
    /// No such revision.
    #[error(
        "{repository} has no revision '{revision}': name a branch, tag or commit that its page lists"
    )]
    NoRevision {
        /// The repository.
        repository: String,
        /// What was asked for.
        revision: String,
    },
    /// The hub lists a file and does not have it.
    #[error("{repository} lists {file}, but {endpoint} does not have it: try again later")]
    NoFile {
        /// The repository.
        repository: String,
        /// The file.
        file: String,
        /// The hub.
        endpoint: String,
    },
    /// The repository holds no checkpoint that can be run.
    #[error(
        "{repository} has no {lacking}: only checkpoints with config.json and *.safetensors weights can be run"
    )]
    NoCheckpoint {
        /// The repository.
        repository: String,
        /// What it lacks.
        lacking: &'static str,
    },
    /// The hub's answer makes no sense.
    #[error("{url} does not answer like a Hugging Face hub ({message}): check HF_ENDPOINT")]
    Nonsense {
        /// What was asked.
        url: String,
        /// What is wrong.
        message: String,
    },
    /// No connection.
    #[error("cannot reach {host}: {message}; check the network, HTTPS_PROXY and HF_ENDPOINT")]
    Unreachable {
        /// The host, or the proxy.
        host: String,
        /// Why.
        message: String,
    },
    /// The connection is not trustworthy.
    #[error(
        "no trusted connection to {host}: {message}; install its certificate in the system's store, or name a bundle in SSL_CERT_FILE"
    )]
    Tls {
        /// The host.
        host: String,
        /// Why.
        message: String,
    },
    /// The hub is silent.
    #[error("{host} sent nothing for {} s: try again, or allow more with HF_HUB_DOWNLOAD_TIMEOUT", limit.as_secs_f32())]
    Silent {
        /// The host.
        host: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The connection broke.
    #[error(
        "the connection to {host} broke{}: run the command again, it goes on from there",
        told(message)
    )]
    Broken {
        /// The host.
        host: String,
        /// What the system says; may be empty.
        message: String,
    },
    /// Too many requests.
    #[error("{host} allows no more requests now (HTTP 429): try again in {} s, or set HF_TOKEN for a higher limit", wait.map_or_else(|| "60".to_owned(), |wait| wait.as_secs().to_string()))]
    RateLimited {
        /// The host.
        host: String,
        /// When it will allow more.
        wait: Option<Duration>,
    },
    /// The hub fails.
    #[error("{host} fails (HTTP {status}): try again later")]
    Server {
        /// The host.
        host: String,
        /// 500 or more.
        status: u16,
        /// When it will be back.
        wait: Option<Duration>,
    },
    /// Another refusal.
    #[error("{url} is refused (HTTP {status}): check HF_ENDPOINT and proxies")]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// What arrived is not the file.
    #[error(
        "{file} of {repository} arrived damaged: its {algorithm} is {found}, not {expected}; it was deleted, run the command again"
    )]
    Checksum {
        /// The repository.
        repository: String,
        /// The file.
        file: String,
        /// What was computed.
        algorithm: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The file is larger or smaller than the hub's listing says.
    #[error(
        "{file} of {repository} has {found} bytes instead of the {expected} listed: it was deleted, run the command again"
    )]
    Size {
        /// The repository.
        repository: String,
        /// The file.
        file: String,
        /// What it should have.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// The disk is too small.
    #[error(
        "{repository} needs {} more, but the disk of {} has {} free: free some space, or set HF_HOME to a folder on a larger disk",
        amount(*needed), cache.display(), amount(*free)
    )]
    NoSpace {
        /// The repository.
        repository: String,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// The cache.
        cache: PathBuf,
    },
    /// The disk filled up meanwhile.
    #[error("the disk of {} is full: free some space and run the command again, it goes on from there", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// The cache cannot be read or written.
    #[error("cannot write {}: {source}; make the folder writable, or set HF_HOME to another", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Ctrl-C.
    #[error("interrupted; run the command again, it goes on from there")]
    Interrupted,
}

fn amount(bytes: u64) -> String {
    if bytes < 1_000_000_000 {
        format!("{:.1} MB", bytes as f64 / 1e6)
    } else {
        format!("{:.1} GB", bytes as f64 / 1e9)
    }
}

fn told(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}

impl HubError {
    /// `source` while writing `path`.
    pub(super) fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Write { path, source },
        }
    }
}

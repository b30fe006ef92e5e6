//! What a refusal of the server, or a failure of the network, means to the user.

use std::{io, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use ureq::{
    Error, Timeout,
    http::{HeaderMap, header},
};

use super::{HubError, HubSettings};

/// The header in which the hub tells why.
const ERROR_CODE: &str = "x-error-code";

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    /// Branch, tag or commit.
    pub revision: &'a str,
    /// The file; `None` for the listing.
    pub file: Option<&'a str>,
}

/// The meaning of a status that is no success.
pub fn refused(
    hub: &HubSettings,
    subject: &Subject<'_>,
    url: &str,
    status: u16,
    headers: &HeaderMap,
) -> HubError {
    let code = headers.get(ERROR_CODE).and_then(|code| code.to_str().ok());
    let repository = subject.repository.to_owned();
    let endpoint = hub.endpoint.clone();
    match (code, status, subject.file) {
        (Some("GatedRepo"), ..) => gated(hub, repository),
        // The hub says 401 of a repository that does not exist, lest names be guessed.
        (Some("RepoNotFound"), ..) => HubError::NoRepository { endpoint, repository },
        (Some("RevisionNotFound"), ..) => {
            HubError::NoRevision { repository, revision: subject.revision.to_owned() }
        }
        (Some("EntryNotFound"), _, Some(file)) | (_, 404, Some(file)) => {
            HubError::NoFile { repository, file: file.to_owned(), endpoint }
        }
        (_, 401, _) if hub.token.is_some() => HubError::Token { endpoint, repository, status },
        (_, 401 | 403, _) => gated(hub, repository),
        (_, 404, None) => HubError::NoRepository { endpoint, repository },
        (_, 429, _) => HubError::RateLimited { host: endpoint, wait: retry_after(headers) },
        (_, 500.., _) => HubError::Server { host: endpoint, status, wait: retry_after(headers) },
        _ => HubError::Refused { url: url.to_owned(), status },
    }
}

fn gated(hub: &HubSettings, repository: String) -> HubError {
    let page = format!("{}/{repository}", hub.endpoint);
    HubError::Gated { repository, page, with_token: hub.token.is_some() }
}

/// `Retry-After` as seconds or a date (RFC 9110 §10.2.3), else the `t` of `RateLimit`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(told) = text(header::RETRY_AFTER.as_str()).map(str::trim) {
        if let Ok(seconds) = told.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = rfc2822::parse(told).ok()?.timestamp();
        return Some(until.duration_since(Timestamp::now()).try_into().unwrap_or_default());
    }
    let reset = text("ratelimit")?.split(';').find_map(|part| part.trim().strip_prefix("t="));
    reset?.parse().ok().map(Duration::from_secs)
}

/// The meaning of a failure between here and `host`, which may be silent for `silence`.
pub fn failed(host: &str, silence: Duration, error: Error) -> HubError {
    let unreachable = |message: &str| HubError::Unreachable {
        host: host.to_owned(),
        message: message.to_owned(),
    };
    let tls = |message: String| HubError::Tls { host: host.to_owned(), message };
    match error {
        Error::HostNotFound => unreachable("its name is not known here"),
        Error::ConnectionFailed => unreachable("no connection"),
        Error::ConnectProxyFailed(message) => unreachable(&message),
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => unreachable("no answer in time"),
        Error::Timeout(_) => HubError::Silent { host: host.to_owned(), limit: silence },
        Error::Tls(message) => tls(message.to_owned()),
        Error::Rustls(error) => tls(error.to_string()),
        Error::Io(error) => match error.downcast::<rustls::Error>() {
            Ok(error) => tls(error.to_string()),
            Err(error) => failed_io(host, &error),
        },
        other => broken(host, other.to_string()),
    }
}

/// A name that cannot be resolved has a kind of error that cannot be named, so what is not
/// the end of a connection is the lack of one.
fn failed_io(host: &str, error: &io::Error) -> HubError {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, NotConnected, TimedOut,
        UnexpectedEof, WriteZero,
    };
    match error.kind() {
        // The system's words for it say no more.
        UnexpectedEof => broken(host, String::new()),
        BrokenPipe | ConnectionAborted | ConnectionReset | InvalidData | NotConnected
        | TimedOut | WriteZero => broken(host, error.to_string()),
        _ => HubError::Unreachable { host: host.to_owned(), message: error.to_string() },
    }
}

/// A connection that ended early.
pub fn broken(host: &str, message: String) -> HubError {
    HubError::Broken { host: host.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    fn waiting(name: &'static str, value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        retry_after(&headers)
    }

    #[test]
    fn the_wait_is_told_in_seconds_as_a_date_or_by_the_rate_limit() {
        assert_eq!(waiting("retry-after", "7"), Some(Duration::from_secs(7)));
        let past = waiting("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        let future = waiting("retry-after", "Wed, 21 Oct 2099 07:28:00 GMT").unwrap();
        assert!(future > Duration::from_hours(24));
        assert_eq!(waiting("ratelimit", "\"api\";r=0;t=55"), Some(Duration::from_secs(55)));
        assert_eq!(waiting("retry-after", "soon"), None);
    }
}

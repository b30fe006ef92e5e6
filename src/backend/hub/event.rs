//! What is told of a download while it goes on.

use std::time::Duration;

/// A step of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullEvent<'a> {
    /// The hub has said what there is.
    Resolved {
        /// `owner/name`.
        repository: &'a str,
        /// What was asked for.
        revision: &'a str,
        /// The commit that it is.
        commit: &'a str,
        /// Files that are not here.
        files: usize,
        /// Bytes that are not here.
        bytes: u64,
    },
    /// Another process is fetching this file; it is waited for.
    Locked {
        /// The file.
        name: &'a str,
    },
    /// A file begins.
    Started {
        /// The file.
        name: &'a str,
        /// Its size in bytes.
        size: u64,
        /// Bytes of it that are here already.
        have: u64,
    },
    /// More of the file arrived.
    Received {
        /// Bytes of it that are here now.
        have: u64,
    },
    /// The file will be tried again.
    Waiting {
        /// Why.
        reason: &'a str,
        /// After so long.
        wait: Duration,
    },
    /// The file is here and verified.
    Finished {
        /// The file.
        name: &'a str,
        /// Its size in bytes.
        size: u64,
    },
}

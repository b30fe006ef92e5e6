//! What the system counts of a process's memory, which trails what the process gave back.

use std::{collections::VecDeque, time::Duration};

/// The largest amount that was mapped at any time of the last `lag`.
#[derive(Debug)]
pub(super) struct Footprint {
    lag: Duration,
    mapped_bytes: u64,
    /// Until when more was mapped, and how much: later ends with smaller amounts.
    past: VecDeque<(Duration, u64)>,
}

impl Footprint {
    /// Of a process that has mapped nothing yet.
    pub(super) fn new(lag: Duration) -> Self {
        Self { lag, mapped_bytes: 0, past: VecDeque::new() }
    }

    /// What is mapped.
    pub(super) fn mapped_bytes(&self) -> u64 {
        self.mapped_bytes
    }

    /// More is mapped.
    pub(super) fn map(&mut self, bytes: u64) {
        self.mapped_bytes += bytes;
    }

    /// `bytes` are given back at `now`.
    pub(super) fn unmap(&mut self, now: Duration, bytes: u64) {
        if self.lag > Duration::ZERO && bytes > 0 {
            self.forget(now);
            let mapped = self.mapped_bytes;
            while self.past.back().is_some_and(|&(_, before)| before <= mapped) {
                self.past.pop_back();
            }
            self.past.push_back((now, mapped));
        }
        self.mapped_bytes -= bytes;
    }

    /// What the system says at `now`.
    pub(super) fn seen_bytes(&mut self, now: Duration) -> u64 {
        self.forget(now);
        self.past.front().map_or(0, |&(_, bytes)| bytes).max(self.mapped_bytes)
    }

    fn forget(&mut self, now: Duration) {
        while self.past.front().is_some_and(|&(until, _)| until + self.lag <= now) {
            self.past.pop_front();
        }
    }
}

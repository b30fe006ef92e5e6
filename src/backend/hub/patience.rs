//! When to try again, and when to give up.

use std::time::Duration;

use super::HubError;

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// Waits that a server may ask for.
const MAX_WAITS: u32 = 5;
/// So much between two failures, and the second is treated as the first.
const WORTHWHILE: u64 = 16 << 20;

/// Counts failures.
#[derive(Debug)]
pub struct Patience {
    max_failures: u32,
    /// Whether a host may be out of reach for a while.
    host_was_there: bool,
    failures: u32,
    waits: u32,
    received: u64,
}

impl Patience {
    /// For a first question: a host out of reach is not waited for.
    pub fn of_a_question() -> Self {
        Self { max_failures: 3, host_was_there: false, failures: 0, waits: 0, received: 0 }
    }

    /// For a file of a host that has answered already.
    pub fn of_a_file() -> Self {
        Self { max_failures: 5, host_was_there: true, ..Self::of_a_question() }
    }

    /// Notes that `bytes` arrived.
    pub fn received(&mut self, bytes: u64) {
        self.received += bytes;
        if self.received >= WORTHWHILE {
            (self.failures, self.received) = (0, 0);
        }
    }

    /// How long to wait after `error` before the next try.
    ///
    /// # Errors
    /// `error` itself when there is no point in another try.
    pub fn after(&mut self, error: HubError) -> Result<(Duration, &'static str), HubError> {
        let (reason, asked) = match &error {
            HubError::RateLimited { wait, .. } => ("too many requests", *wait),
            HubError::Server { wait, .. } => ("the server fails", *wait),
            HubError::Silent { .. } => ("the server is silent", None),
            HubError::Broken { .. } => ("the connection broke", None),
            HubError::Unreachable { .. } if self.host_was_there => ("no connection", None),
            _ => return Err(error),
        };
        self.received = 0;
        if let Some(wait) = asked {
            self.waits += 1;
            let endurable = self.waits <= MAX_WAITS && wait <= LONGEST_WAIT;
            return if endurable { Ok((wait, reason)) } else { Err(error) };
        }
        self.failures += 1;
        if self.failures > self.max_failures {
            return Err(error);
        }
        Ok((FIRST_PAUSE * 2_u32.pow(self.failures - 1), reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> HubError {
        HubError::Broken { host: String::new(), message: String::new() }
    }

    fn limited(seconds: u64) -> HubError {
        let wait = Some(Duration::from_secs(seconds));
        HubError::RateLimited { host: String::new(), wait }
    }

    #[test]
    fn pauses_double_until_it_is_enough_and_start_anew_after_much_was_received() {
        let mut patience = Patience::of_a_file();
        for pause in [500, 1000, 2000, 4000, 8000] {
            assert_eq!(patience.after(broken()).unwrap().0, Duration::from_millis(pause));
            patience.received(WORTHWHILE - 1);
        }
        assert!(patience.after(broken()).is_err());
        patience.received(WORTHWHILE);
        assert_eq!(patience.after(broken()).unwrap().0, FIRST_PAUSE);
    }

    #[test]
    fn a_server_may_ask_for_a_wait_but_not_for_a_long_one_nor_for_ever() {
        let mut patience = Patience::of_a_question();
        for _ in 0..MAX_WAITS {
            assert_eq!(patience.after(limited(7)).unwrap().0, Duration::from_secs(7));
        }
        assert!(patience.after(limited(7)).is_err());
        assert!(Patience::of_a_question().after(limited(301)).is_err());
    }

    #[test]
    fn a_host_that_never_answered_and_a_refusal_are_not_waited_for() {
        let unreachable = || HubError::Unreachable { host: String::new(), message: String::new() };
        assert!(Patience::of_a_question().after(unreachable()).is_err());
        assert!(Patience::of_a_file().after(unreachable()).is_ok());
        assert!(Patience::of_a_file().after(HubError::Interrupted).is_err());
    }
}

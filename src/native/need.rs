//! What a question will need of memory, worked out before anything is computed.

use super::{generate::reserve, models::Architecture, nn::kv_cache::capacity};

/// How long the sequences of a question may become.
#[derive(Debug, Clone, Copy)]
pub struct Sequences {
    /// Positions of the prompt.
    pub prompt: usize,
    /// Most tokens of the answer; the last one is not run.
    pub max_tokens: usize,
    /// Tokens of the longest candidate; the last one is not run.
    pub longest_candidate: usize,
}

impl Sequences {
    /// Those of a prompt of so many positions, an answer and candidates of so many tokens.
    pub fn new(prompt: usize, max_tokens: usize, longest_candidate: usize) -> Self {
        Self { prompt, max_tokens, longest_candidate }
    }

    /// Most tokens that may follow the prompt.
    pub fn further(&self) -> usize {
        self.max_tokens.max(self.longest_candidate)
    }

    /// Positions of the buffers that the prompt is run into.
    pub fn first_capacity(&self) -> usize {
        capacity(self.prompt + reserve(self.max_tokens))
    }

    /// Most positions for which buffers are allocated at once, those of the prompt being there
    /// already where it `reuses` them: for the whole answer, and beside those of the prompt for a
    /// candidate that has no room behind it, or for a sequence that enters another rotary regime.
    pub fn allocated(&self, model: &Architecture, reuses: bool) -> usize {
        let Self { prompt, max_tokens, longest_candidate } = *self;
        let (first, regime) = (self.first_capacity(), model.regime(prompt));
        let candidate = prompt + longest_candidate.saturating_sub(1);
        let copied = candidate > first || model.regime(candidate) != regime;
        let weighing = first + if copied { capacity(candidate) } else { 0 };

        let last = prompt + max_tokens.saturating_sub(1);
        let grown = |end: usize| first.max(capacity(end));
        let answering = match (prompt + 1..=last).find(|&end| model.regime(end) != regime) {
            None => grown(last),
            Some(change) => {
                let anew = capacity(change + reserve(max_tokens));
                (grown(change - 1) + anew).max(capacity(last))
            }
        };
        // What grows beyond the buffers that are there is allocated as a whole.
        let most = weighing.max(answering);
        if reuses && answering == first { most - first } else { most }
    }
}

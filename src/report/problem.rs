//! An error as the user sees it: what is wrong and what to do.

use super::text::escape_keeping_lines;

/// An error with hints, ready to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// What to do, best idea first.
    pub hints: Vec<String>,
}

impl Problem {
    /// A problem without hints.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// `error: …` and a line `hint: …` per hint, the words coloured if `colour`.
    pub fn render(&self, colour: bool) -> String {
        let red = console::Style::new().red().bold().force_styling(colour);
        let cyan = console::Style::new().cyan().force_styling(colour);
        let error = format!("{} {}", red.apply_to("error:"), escape_keeping_lines(&self.message));
        let hint =
            |hint: &String| format!("{} {}", cyan.apply_to("hint:"), escape_keeping_lines(hint));
        let lines: Vec<_> = std::iter::once(error).chain(self.hints.iter().map(hint)).collect();
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_followed_by_its_hints() {
        let problem = Problem::new("unknown model \u{1b}x").hint("did you mean `smolvlm`?");
        let expected = "error: unknown model \\u{1b}x\nhint: did you mean `smolvlm`?\n";
        assert_eq!(problem.render(false), expected);
        assert!(problem.render(true).starts_with("\u{1b}["));
    }
}

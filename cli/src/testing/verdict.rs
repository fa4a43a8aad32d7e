//! What became of a case.

/// What became of a case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Verdict {
    /// Statements and outputs are as expected; of a case that expects an error, that it came.
    pub(crate) passed: bool,
    /// Streams and tables are as expected, where the case says what it expects.
    pub(crate) sources_ok: Option<bool>,
    /// The same for topics.
    pub(crate) topics_ok: Option<bool>,
    /// Of a case that expects an error: whether it came where it was expected, of the right kind, and
    /// with the right words.
    pub(crate) error: Option<ErrorGrades>,
    /// Why the case failed, or what else is not as expected, for people; several lines.
    pub(crate) reason: Option<String>,
    /// The records that came out, for those who want to expect them: topic by topic.
    pub(crate) came_out: Option<Vec<serde_json::Value>>,
}

/// What is right about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ErrorGrades {
    /// It came at the right statement, or while a record was processed.
    pub(crate) rejected: bool,
    /// It is of the right kind.
    pub(crate) kind: bool,
    /// Its message holds the words.
    pub(crate) message: bool,
}

impl Verdict {
    /// A case that passed.
    pub(crate) fn passed() -> Verdict {
        Verdict { passed: true, ..Verdict::default() }
    }

    /// A case that failed.
    pub(crate) fn failed(reason: impl Into<String>) -> Verdict {
        Verdict { reason: Some(reason.into()), ..Verdict::default() }
    }

    /// The verdict where everything counts that was looked at.
    pub(crate) fn strictly(self) -> Verdict {
        let is_right = self.sources_ok != Some(false)
            && self.topics_ok != Some(false)
            && self.error.is_none_or(|grades| grades.rejected && grades.kind && grades.message);
        Verdict { passed: self.passed && is_right, ..self }
    }

    /// The reason in one line.
    pub(crate) fn summary(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        Some(reason.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; "))
    }
}

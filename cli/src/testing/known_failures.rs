//! A list of cases that are known to fail, so that it can only shrink: a case that is not on it has to
//! pass, and one that is has to fail.
//!
//! Each line holds an id, a tab and the reason; lines that begin with `#` are for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::pool::Finished;
use crate::failure::CommandFailure;

/// The list.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownFailures {
    reasons: BTreeMap<String, String>,
}

impl KnownFailures {
    /// Reads a list.
    ///
    /// # Errors
    /// A file that cannot be read, a line without a reason, an id that comes twice.
    pub(crate) fn read(path: &Path) -> Result<KnownFailures, CommandFailure> {
        let text = fs::read_to_string(path)
            .map_err(|error| CommandFailure(format!("could not read {}: {error}", path.display())))?;
        let mut reasons = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let wrong =
                |what: &str| CommandFailure(format!("{}, line {}: {what}", path.display(), number + 1));
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, reason) = line.split_once('\t').ok_or_else(|| wrong("no tab between id and reason"))?;
            if reason.trim().is_empty() {
                return Err(wrong("no reason"));
            }
            if reasons.insert(id.to_owned(), reason.trim().to_owned()).is_some() {
                return Err(wrong("the id is listed twice"));
            }
        }
        Ok(KnownFailures { reasons })
    }

    /// Whether a case is known to fail.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.reasons.contains_key(id)
    }

    /// Why a case is known to fail.
    pub(crate) fn reason(&self, id: &str) -> Option<&str> {
        self.reasons.get(id).map(String::as_str)
    }

    /// What the list and the run do not agree about. `is_everything` tells that every case was run, so
    /// that one that is listed and was not run does not exist.
    pub(crate) fn disagreements(&self, finished: &[Finished], is_everything: bool) -> Vec<String> {
        let mut found = Vec::new();
        for done in finished {
            match (done.verdict.passed, self.contains(&done.source.id)) {
                (false, false) => found.push(format!("'{}' fails and is not listed", done.source.id)),
                (true, true) => found.push(format!("'{}' passes: take it off the list", done.source.id)),
                _ => {}
            }
        }
        let run: BTreeSet<&str> = finished.iter().map(|done| done.source.id.as_str()).collect();
        let gone = self.reasons.keys().filter(|id| is_everything && !run.contains(id.as_str()));
        found.extend(gone.map(|id| format!("'{id}' is listed and no case has this id")));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::verdict::Verdict;
    use crate::testing::{CaseSource, Place};

    fn finished(id: &str, passed: bool) -> Finished {
        let place = Place::Directory("d".into());
        let source = CaseSource { place, id: id.to_owned(), tier: String::new(), case: Err(String::new()) };
        let verdict = if passed { Verdict::passed() } else { Verdict::failed("it did") };
        Finished { source, verdict, duration: Duration::ZERO }
    }

    fn list(text: &str) -> Result<KnownFailures, CommandFailure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        KnownFailures::read(file.path())
    }

    #[test]
    fn the_list_and_the_run_have_to_agree() {
        let known = list("# What fails.\na\tit is slow\nb\tit is wrong\nc\tit is odd\n").unwrap();
        let run = [finished("a", false), finished("b", true), finished("d", false), finished("e", true)];
        assert_eq!(
            known.disagreements(&run, true),
            [
                "'b' passes: take it off the list",
                "'d' fails and is not listed",
                "'c' is listed and no case has this id"
            ]
        );
        assert_eq!(known.disagreements(&run[..1], false), [""; 0]);
    }

    #[test]
    fn a_line_without_a_reason_is_refused_with_its_number() {
        for text in ["a\tx\nb\n", "a\tx\nb\t \n", "a\tx\na\ty\n"] {
            let error = list(text).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
        }
    }
}

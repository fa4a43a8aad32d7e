//! The closing table: how many cases of each tier passed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::pool::Finished;

/// Counts of a tier.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    cases: usize,
    passed: usize,
    sources: Part,
    topics: Part,
    kinds: Part,
    messages: Part,
}

/// How many of those that were looked at are right.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    looked_at: usize,
    right: usize,
}

impl Part {
    fn add(&mut self, right: Option<bool>) {
        self.looked_at += usize::from(right.is_some());
        self.right += usize::from(right == Some(true));
    }

    fn show(self) -> String {
        if self.looked_at == 0 { String::new() } else { format!("{}/{}", self.right, self.looked_at) }
    }
}

/// The table, and below it how many cases passed and failed.
pub(crate) fn table(finished: &[Finished]) -> String {
    let mut tiers: BTreeMap<&str, Counts> = BTreeMap::new();
    for done in finished {
        let counts = tiers.entry(done.source.tier.as_str()).or_default();
        counts.cases += 1;
        counts.passed += usize::from(done.verdict.passed);
        counts.sources.add(done.verdict.sources_ok);
        counts.topics.add(done.verdict.topics_ok);
        counts.kinds.add(done.verdict.error.map(|grades| grades.kind));
        counts.messages.add(done.verdict.error.map(|grades| grades.message));
    }
    let mut text = String::new();
    if tiers.keys().any(|tier| !tier.is_empty()) {
        let _ = writeln!(
            text,
            "{:<6}{:>7}{:>8}{:>9}{:>11}{:>9}{:>13}{:>15}",
            "tier", "cases", "passed", "", "sources", "topics", "error kind", "error message"
        );
        for (tier, counts) in &tiers {
            let share = 100.0 * counts.passed as f64 / counts.cases as f64;
            let _ = writeln!(
                text,
                "{:<6}{:>7}{:>8}{:>9}{:>11}{:>9}{:>13}{:>15}",
                if tier.is_empty() { "-" } else { tier },
                counts.cases,
                counts.passed,
                format!("{share:.1} %"),
                counts.sources.show(),
                counts.topics.show(),
                counts.kinds.show(),
                counts.messages.show()
            );
        }
    }
    let passed = finished.iter().filter(|done| done.verdict.passed).count();
    let _ = write!(text, "{passed} passed, {} failed", finished.len() - passed);
    text
}

//! What became of the cases, for programs: JSON.

use serde_json::{Value, json};

use super::pool::Finished;
use super::verdict::ErrorGrades;

/// The report.
pub(crate) fn report(finished: &[Finished]) -> Value {
    let cases = finished.iter().map(|done| {
        let verdict = &done.verdict;
        let grade = |grade: fn(ErrorGrades) -> bool| verdict.error.map(grade);
        json!({
            "id": done.source.id,
            "tier": done.source.tier,
            "passed": verdict.passed,
            "sources_ok": verdict.sources_ok,
            "topics_ok": verdict.topics_ok,
            "e1": grade(|grades| grades.rejected),
            "e2": grade(|grades| grades.kind),
            "e3": grade(|grades| grades.message),
            "reason": verdict.summary(),
        })
    });
    json!({ "cases": cases.collect::<Vec<_>>() })
}

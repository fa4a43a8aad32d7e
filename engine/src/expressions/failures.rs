//! Rows for which a function has no value: the function gives NULL and notes why.
//!
//! Functions see batches and cannot fail one row. They leave a note in the collector of their thread;
//! whoever evaluates the expression takes the notes and reports them. Notes are bounded: of a batch
//! of which every row fails the first reasons say enough.

use std::cell::RefCell;

/// Reasons kept of one evaluation.
pub(super) const REASONS_MAX: usize = 100;

/// What functions noted during one evaluation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Noted {
    /// How many rows had no value.
    pub count: u64,
    /// The first reasons.
    pub reasons: Vec<String>,
}

thread_local! {
    static COLLECTOR: RefCell<Noted> = RefCell::default();
}

/// Notes that a row has no value.
pub fn note(reason: impl FnOnce() -> String) {
    COLLECTOR.with_borrow_mut(|noted| {
        noted.count += 1;
        if noted.reasons.len() < REASONS_MAX {
            noted.reasons.push(reason());
        }
    });
}

/// Runs an evaluation and takes what was noted in it.
pub fn collect<T>(evaluate: impl FnOnce() -> T) -> (T, Noted) {
    let outer = COLLECTOR.take();
    let result = evaluate();
    (result, COLLECTOR.replace(outer))
}

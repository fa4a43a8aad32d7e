//! Records that a SELECT over what is there now could not read: they are no rows, and whoever asks is told so.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::operators::{Dropped, Report};

/// What could not be read by one query. Cheap to clone; all clones are one.
#[derive(Clone, Default, Debug)]
pub struct Unreadable(Arc<Mutex<BTreeMap<String, Skipped>>>);

/// Records of one source.
#[derive(Debug)]
struct Skipped {
    records: u64,
    first: String,
}

impl Unreadable {
    /// Takes note of records of a source, and of why one of them could not be read.
    pub(super) fn note(&self, source: &str, records: u64, reports: &[Report]) {
        if records == 0 {
            return;
        }
        let mut sources = self.0.lock();
        if let Some(skipped) = sources.get_mut(source) {
            skipped.records += records;
            return;
        }
        let report = reports.iter().find(|report| report.dropped == Dropped::Rejected);
        let first = report.map_or_else(String::new, |report| match &report.origin {
            Some((target, offset)) => format!(
                "topic '{}', partition {}, offset {}: {}",
                target.topic, target.partition.0, offset.0, report.reason
            ),
            None => report.reason.clone(),
        });
        sources.insert(source.to_owned(), Skipped { records, first });
    }

    /// A sentence for each source, once.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let sources = std::mem::take(&mut *self.0.lock());
        let sentence = |(source, Skipped { records, first }): (String, Skipped)| {
            let records = if records == 1 { "1 record".to_owned() } else { format!("{records} records") };
            format!("left out of {source} as not readable: {records}; the first: {first}")
        };
        sources.into_iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_is_counted_by_source_and_told_once() {
        let unreadable = Unreadable::default();
        let reports = [Report::of_row(Dropped::Rejected, 0, "no number")];
        unreadable.note("A", 0, &[]);
        unreadable.note("B", 2, &reports);
        unreadable.clone().note("B", 3, &[]);
        let told = unreadable.take();
        assert_eq!(told, ["left out of B as not readable: 5 records; the first: no number"]);
        assert!(unreadable.take().is_empty());
    }
}

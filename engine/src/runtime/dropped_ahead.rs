//! Records that were read ahead and became no rows.
//!
//! They lie between rows that wait to pass, and the position that a commit stores is that of the first
//! such row: what is behind it is read again after a restart. So a record that was dropped counts, and
//! is told in the processing log, when the position passes it, together with the rows around it.

use std::collections::VecDeque;

use tidemill_storage::Offset;

use crate::operators::{Ledger, REPORTS_MAX, Report};

/// Dropped records that the position has not passed, in their order.
#[derive(Default)]
pub struct DroppedAhead {
    /// One for each stretch without a row in it, so there are no more than waiting rows and one.
    stretches: VecDeque<Stretch>,
    reports: usize,
    report_bytes: usize,
}

struct Stretch {
    first: Offset,
    counts: Ledger,
    reports: Vec<Report>,
}

/// Dropped records that the position has passed.
#[derive(Default, Debug)]
pub struct Passed {
    /// How many they are.
    pub counts: Ledger,
    /// What is told of them.
    pub reports: Vec<Report>,
}

impl DroppedAhead {
    /// Adds a record behind all others, or several of which `offset` is the first. `row_before` is the
    /// last row before it that waits.
    pub fn push(&mut self, offset: Offset, counts: Ledger, row_before: Option<Offset>) {
        match self.stretches.back_mut() {
            Some(last) if row_before.is_none_or(|row| row < last.first) => last.counts.add(counts),
            _ => self.stretches.push_back(Stretch { first: offset, counts, reports: Vec::new() }),
        }
    }

    /// Adds what is to be told of a record that was added, as far as there is room.
    pub fn report(&mut self, report: Report) {
        let Some((_, offset)) = &report.origin else { return };
        let behind = self.stretches.partition_point(|stretch| stretch.first <= *offset);
        if self.reports < REPORTS_MAX
            && let Some(stretch) = behind.checked_sub(1).and_then(|index| self.stretches.get_mut(index))
        {
            self.reports += 1;
            self.report_bytes += bytes_of(&report);
            stretch.reports.push(report);
        }
    }

    /// Takes what a position has passed.
    pub fn take(&mut self, position: Offset) -> Passed {
        let mut passed = Passed::default();
        while self.stretches.front().is_some_and(|stretch| stretch.first < position)
            && let Some(mut stretch) = self.stretches.pop_front()
        {
            passed.counts.add(stretch.counts);
            self.reports -= stretch.reports.len();
            self.report_bytes -= stretch.reports.iter().map(bytes_of).sum::<usize>();
            passed.reports.append(&mut stretch.reports);
        }
        passed
    }

    /// Bytes of memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.stretches.len() * size_of::<Stretch>() + self.report_bytes
    }
}

fn bytes_of(report: &Report) -> usize {
    size_of::<Report>() + report.reason.len()
}

#[cfg(test)]
mod tests {
    use tidemill_storage::{PartitionId, TopicName, TopicPartition};

    use super::*;
    use crate::operators::Dropped;

    const REJECTED: Ledger = Ledger { filtered: 0, late: 0, rejected: 1 };
    const FILTERED: Ledger = Ledger { filtered: 1, late: 0, rejected: 0 };

    fn report(offset: i64) -> Report {
        let target = TopicPartition::new(TopicName::new("t").expect("legal"), PartitionId(0));
        let origin = Some((target, Offset(offset)));
        Report { dropped: Dropped::Rejected, time_ms: 0, reason: "bad".to_owned(), origin }
    }

    #[test]
    fn records_are_taken_when_the_position_has_passed_them() {
        let mut dropped = DroppedAhead::default();
        // Rows at 10 and 13 wait, between them and behind them are records that were dropped.
        dropped.push(Offset(11), REJECTED, Some(Offset(10)));
        dropped.push(Offset(12), FILTERED, Some(Offset(10)));
        dropped.push(Offset(14), REJECTED, Some(Offset(13)));
        dropped.report(report(14));
        dropped.report(report(11));
        assert_eq!(dropped.take(Offset(10)).counts, Ledger::default());
        let passed = dropped.take(Offset(13));
        assert_eq!(passed.counts, Ledger { filtered: 1, late: 0, rejected: 1 });
        let told = |passed: &Passed| {
            let origins = passed.reports.iter().filter_map(|report| report.origin.as_ref());
            origins.map(|(_, offset)| offset.0).collect::<Vec<_>>()
        };
        assert_eq!(told(&passed), [11]);
        let passed = dropped.take(Offset(15));
        assert_eq!((passed.counts, told(&passed)), (REJECTED, vec![14]));
        assert_eq!(dropped.bytes(), 0);
    }

    #[test]
    fn a_flood_of_bad_records_takes_no_more_room_than_its_first_ones() {
        let mut dropped = DroppedAhead::default();
        for offset in 0..5_000 {
            dropped.push(Offset(offset), REJECTED, None);
            dropped.report(report(offset));
        }
        assert!(dropped.bytes() < 2 * REPORTS_MAX * bytes_of(&report(0)));
        let passed = dropped.take(Offset(5_000));
        assert_eq!((passed.counts.rejected, passed.reports.len()), (5_000, REPORTS_MAX));
    }
}

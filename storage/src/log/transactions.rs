//! Clients' transactions on one partition: which are open, which were aborted.
//!
//! A transaction is unstable until the high watermark has passed the marker that ends it: were it
//! called stable earlier, a power cut could take the marker after a reader had relied on it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::ids::{Offset, ProducerId};
use crate::record::AbortedTransaction;
use crate::record::control::Marker;

/// The transactions of one partition.
#[derive(Clone, Default, Debug)]
pub(crate) struct Transactions {
    /// By the offset of the first record.
    unstable: BTreeMap<Offset, Unstable>,
    /// In the order of their markers.
    aborted: Vec<Aborted>,
}

#[derive(Clone, Copy, Debug)]
struct Unstable {
    producer_id: ProducerId,
    marker: Option<Offset>,
}

/// An aborted transaction and its extent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Aborted {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    /// Offset of the marker.
    pub(crate) marker: Offset,
}

/// The transactions as a checkpoint keeps them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct TransactionsSnapshot {
    /// Who has one open, and the offset of its first record.
    pub(crate) open: Vec<(ProducerId, Offset)>,
    pub(crate) aborted: Vec<Aborted>,
}

impl Transactions {
    pub(crate) fn restore(snapshot: TransactionsSnapshot) -> Transactions {
        let open = snapshot.open.into_iter();
        Transactions {
            unstable: open
                .map(|(producer_id, first)| (first, Unstable { producer_id, marker: None }))
                .collect(),
            aborted: snapshot.aborted,
        }
    }

    /// The transactions as they were when the log ended at `end`.
    pub(crate) fn snapshot_at(&self, end: Offset) -> TransactionsSnapshot {
        TransactionsSnapshot {
            open: self
                .unstable
                .range(..end)
                .filter(|(_, transaction)| transaction.marker.is_none_or(|marker| marker >= end))
                .map(|(first, transaction)| (transaction.producer_id, *first))
                .collect(),
            aborted: self.aborted.iter().copied().filter(|aborted| aborted.marker < end).collect(),
        }
    }

    /// A transaction begins at `first_offset`.
    pub(crate) fn begin(&mut self, producer_id: ProducerId, first_offset: Offset) {
        self.unstable.insert(first_offset, Unstable { producer_id, marker: None });
    }

    /// The transaction that began at `first_offset` ends by the marker at `marker`.
    pub(crate) fn end(&mut self, first_offset: Offset, marker: Offset, how: Marker) {
        if let Some(transaction) = self.unstable.get_mut(&first_offset) {
            transaction.marker = Some(marker);
            if how == Marker::Abort {
                self.aborted.push(Aborted { producer_id: transaction.producer_id, first_offset, marker });
            }
        }
    }

    /// The last stable offset under a high watermark.
    pub(crate) fn last_stable(&mut self, high_watermark: Offset) -> Offset {
        while let Some(first) = self.unstable.first_entry()
            && first.get().marker.is_some_and(|marker| marker < high_watermark)
        {
            first.remove();
        }
        match self.unstable.first_key_value() {
            Some((first, _)) => (*first).min(high_watermark),
            None => high_watermark,
        }
    }

    /// The aborted transactions with records in a range.
    pub(crate) fn aborted_within(&self, range: &Range<Offset>) -> Vec<AbortedTransaction> {
        let begin = self.aborted.partition_point(|aborted| aborted.marker < range.start);
        let mut found: Vec<AbortedTransaction> = self.aborted[begin..]
            .iter()
            .filter(|aborted| aborted.first_offset < range.end)
            .map(|aborted| AbortedTransaction {
                producer_id: aborted.producer_id,
                first_offset: aborted.first_offset,
            })
            .collect();
        found.sort_unstable_by_key(|aborted| aborted.first_offset);
        found
    }

    /// Forgets what lies wholly below the log's start.
    pub(crate) fn trim(&mut self, log_start: Offset) {
        let gone = self.aborted.partition_point(|aborted| aborted.marker < log_start);
        self.aborted.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ProducerId = ProducerId(1);
    const B: ProducerId = ProducerId(2);

    #[test]
    fn the_oldest_open_transaction_holds_the_last_stable_offset() {
        let mut transactions = Transactions::default();
        transactions.begin(A, Offset(10));
        transactions.begin(B, Offset(20));
        assert_eq!(transactions.last_stable(Offset(30)), Offset(10));
        transactions.end(Offset(10), Offset(30), Marker::Commit);
        assert_eq!(transactions.last_stable(Offset(30)), Offset(10), "the marker is not durable yet");
        assert_eq!(transactions.last_stable(Offset(31)), Offset(20));
        transactions.end(Offset(20), Offset(31), Marker::Abort);
        assert_eq!(transactions.last_stable(Offset(32)), Offset(32));
    }

    #[test]
    fn aborted_transactions_are_told_where_they_overlap() {
        let mut transactions = Transactions::default();
        transactions.begin(A, Offset(10));
        transactions.end(Offset(10), Offset(15), Marker::Abort);
        transactions.begin(B, Offset(12));
        transactions.end(Offset(12), Offset(40), Marker::Abort);
        let within = |from, to| {
            let found = transactions.aborted_within(&(Offset(from)..Offset(to)));
            found.iter().map(|aborted| aborted.first_offset.0).collect::<Vec<_>>()
        };
        assert_eq!(within(0, 10), [0_i64; 0]);
        assert_eq!(within(0, 11), [10]);
        assert_eq!(within(15, 20), [10, 12]);
        assert_eq!(within(16, 20), [12]);
    }

    #[test]
    fn a_snapshot_reopens_what_ended_behind_it() {
        let mut transactions = Transactions::default();
        transactions.begin(A, Offset(10));
        transactions.end(Offset(10), Offset(30), Marker::Abort);
        let snapshot = transactions.snapshot_at(Offset(30));
        assert_eq!(snapshot.open, [(A, Offset(10))]);
        assert!(snapshot.aborted.is_empty());
    }
}

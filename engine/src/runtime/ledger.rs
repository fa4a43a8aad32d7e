//! The ledger: what became of every record of every source of a query.
//!
//! `in = out + filtered + late + rejected`, for each source. A record is followed until an operator
//! keeps it (an aggregation, a join) or it is written; from there on it is out. What becomes of
//! results that are made of kept rows, by HAVING for one, is counted elsewhere: they are no records.
//!
//! The counts are stored with the epoch they belong to, so they go on after a restart, and a round
//! that a crash undid is not counted twice. The number of rows that the query gave is kept beside them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tidemill_storage::state::{StateStore, WriteBatch};

use crate::error::{Error, ErrorKind, Result};
use crate::operators::Ledger;
use crate::state_keys;

/// What became of the records of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Records read.
    pub records_in: u64,
    /// Records that were written, or kept as state of which results are made.
    pub out: u64,
    /// Records that a predicate, an inner join or a null key took out.
    pub filtered: u64,
    /// Records behind their window's end and grace.
    pub late: u64,
    /// Records that could not be decoded or evaluated.
    pub rejected: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { records_in, out, filtered, late, rejected } = self;
        write!(f, "{records_in} in = {out} out + {filtered} filtered + {late} late + {rejected} rejected")
    }
}

impl Counts {
    /// Adds rows that were dropped.
    pub fn add_dropped(&mut self, dropped: Ledger) {
        self.filtered += dropped.filtered;
        self.late += dropped.late;
        self.rejected += dropped.rejected;
    }

    fn add(&mut self, other: Counts) {
        self.records_in += other.records_in;
        self.out += other.out;
        self.filtered += other.filtered;
        self.late += other.late;
        self.rejected += other.rejected;
    }

    /// Stored form: five numbers of 8 bytes, big-endian, in the order of the fields.
    fn encode(self) -> Bytes {
        let numbers = [self.records_in, self.out, self.filtered, self.late, self.rejected];
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn decode(bytes: &[u8]) -> Option<Counts> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let [records_in, out, filtered, late, rejected] = numbers else { return None };
        rest.is_empty().then(|| Counts {
            records_in: u64::from_be_bytes(*records_in),
            out: u64::from_be_bytes(*out),
            filtered: u64::from_be_bytes(*filtered),
            late: u64::from_be_bytes(*late),
            rejected: u64::from_be_bytes(*rejected),
        })
    }
}

/// The ledgers of a query, one a source.
#[derive(Debug)]
pub struct Ledgers {
    query: u64,
    sources: Vec<String>,
    counts: Mutex<Vec<Counts>>,
    rows_out: AtomicU64,
}

impl Ledgers {
    /// Those of a query, as of its last commit.
    ///
    /// # Errors
    /// Those of the disk, `Corrupt`.
    pub fn restore(store: &dyn StateStore, query: u64, sources: Vec<String>) -> Result<Ledgers> {
        let counts = sources
            .iter()
            .map(|source| match store.get(&state_keys::ledger(query, source))? {
                None => Ok(Counts::default()),
                Some(bytes) => Counts::decode(&bytes).ok_or_else(|| {
                    let message = format!("the stored ledger of query {query} and '{source}' is damaged");
                    Error::new(ErrorKind::Corrupt, message)
                }),
            })
            .collect::<Result<_>>()?;
        let rows_out = match store.get(&state_keys::rows_out(query))? {
            None => 0,
            Some(bytes) => u64::from_be_bytes(bytes.as_ref().try_into().map_err(|_| {
                let message = format!("the stored number of rows of query {query} is damaged");
                Error::new(ErrorKind::Corrupt, message)
            })?),
        };
        Ok(Ledgers { query, sources, counts: Mutex::new(counts), rows_out: AtomicU64::new(rows_out) })
    }

    /// Adds rows that were given.
    pub fn add_rows_out(&self, rows: u64) {
        self.rows_out.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows given, those since the last commit included.
    #[must_use]
    pub fn rows_out(&self) -> u64 {
        self.rows_out.load(Ordering::Relaxed)
    }

    /// Adds what became of records in a round, by the index of their source.
    pub fn add(&self, round: impl Iterator<Item = (usize, Counts)>) {
        let mut ledgers = self.counts.lock();
        for (source, counts) in round {
            if let Some(ledger) = ledgers.get_mut(source) {
                ledger.add(counts);
            }
        }
    }

    /// Adds them to the changes of an epoch.
    pub fn commit(&self, changes: &mut WriteBatch) {
        for (source, counts) in self.sources.iter().zip(self.counts.lock().iter()) {
            changes.put(state_keys::ledger(self.query, source), counts.encode());
        }
        let rows_out = Bytes::copy_from_slice(&self.rows_out().to_be_bytes());
        changes.put(state_keys::rows_out(self.query), rows_out);
    }

    /// Each source with what became of its records, the rounds since the last commit included.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Counts)> {
        self.sources.iter().cloned().zip(self.counts.lock().iter().copied()).collect()
    }

    /// Records read from all sources.
    #[must_use]
    pub fn records_in(&self) -> u64 {
        self.counts.lock().iter().map(|counts| counts.records_in).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_back_and_nothing_else_does() {
        let counts = Counts { records_in: 15, out: 1, filtered: 2, late: 4, rejected: u64::MAX };
        let bytes = counts.encode();
        assert_eq!(Counts::decode(&bytes), Some(counts));
        assert_eq!(Counts::decode(&bytes[1..]), None);
        assert_eq!(Counts::decode(&[&bytes[..], &[0]].concat()), None);
    }
}

//! Event-time alignment: how far the partitions of a query may run ahead of each other.
//!
//! A query that catches up finds hours of records in its partitions, and a round's worth of one may be
//! seconds and of another one hours. If all of it passed at once, the sparse partition would close
//! windows whose records the dense one has yet to give. So where partitions meet in a query, each
//! reads ahead, and in a round only those rows pass that stand behind nothing unread:
//!
//! ```text
//! partition 0, more to read    1 3 4 │                 bound: 4, up to partition 0
//! partition 1, more to read    2 3 4 │ 7 9 12          its 4 waits: partition 0 may have more of it
//! partition 2, all read        1 4   │ 60              waits as well
//! ```
//!
//! Rows of a partition keep their order, so a row that is early stands in line behind one that is
//! late. The order in which rows pass is that of merging the partitions by event time, however much is
//! read at a time. A partition that is read to its end holds nobody back: nobody waits for records
//! that may never come.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_storage::Offset;

use crate::batch::{ChangeBatch, Headers};

/// Up to where rows pass in a round: an event time, and the last partition of which rows of just that
/// time pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bound {
    time_ms: i64,
    partition: Place,
}

/// A partition by its places in the plan: its stage, and its number there.
pub type Place = (usize, usize);

impl Bound {
    /// Everything passes.
    pub const NONE: Bound = Bound { time_ms: i64::MAX, partition: (usize::MAX, usize::MAX) };

    /// The bound, given of each partition that has more to read its place and the latest event time
    /// that it has been read to.
    #[must_use]
    pub fn of(partitions: impl Iterator<Item = (Place, i64)>) -> Bound {
        partitions.map(|(partition, time_ms)| Bound { time_ms, partition }).min().unwrap_or(Bound::NONE)
    }

    /// The last event time of which rows of a partition pass.
    #[must_use]
    pub fn through_ms(&self, partition: Place) -> i64 {
        if partition <= self.partition { self.time_ms } else { self.time_ms.saturating_sub(1) }
    }
}

/// Which rows pass in a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passing {
    /// All there are: no partitions meet.
    All,
    /// Those of one partition, the only one that has any; none where no partition has.
    Of(Option<Place>),
    /// Those up to a bound.
    Through(Bound),
}

/// Rows that are read of a partition and have not passed yet, in their order.
#[derive(Default)]
pub struct ReadAhead {
    batches: VecDeque<Ahead>,
    rows: usize,
    bytes: usize,
}

struct Ahead {
    batch: ChangeBatch,
    /// Of each row's record.
    offsets: Vec<Offset>,
    latest_ms: i64,
    /// Held until the last of the rows has passed.
    bytes: usize,
}

impl ReadAhead {
    /// Adds rows behind the others.
    pub fn push(&mut self, batch: ChangeBatch, offsets: Vec<Offset>) {
        assert_eq!(batch.rows(), offsets.len(), "each row has an offset");
        if let Some(latest_ms) = batch.times_ms.iter().copied().max() {
            let bytes = bytes_of(&batch) + offsets.capacity() * size_of::<Offset>();
            self.rows += batch.rows();
            self.bytes += bytes;
            self.batches.push_back(Ahead { batch, offsets, latest_ms, bytes });
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Offset of the first row's record.
    #[must_use]
    pub fn first_offset(&self) -> Option<Offset> {
        self.batches.front()?.offsets.first().copied()
    }

    /// Offset of the last row's record.
    #[must_use]
    pub fn last_offset(&self) -> Option<Offset> {
        self.batches.back()?.offsets.last().copied()
    }

    /// The latest event time among the rows; the earliest there can be where there is none.
    #[must_use]
    pub fn latest_ms(&self) -> i64 {
        self.batches.iter().map(|ahead| ahead.latest_ms).max().unwrap_or(i64::MIN)
    }

    /// Whether any row passes.
    #[must_use]
    pub fn has_passing(&self, through_ms: i64) -> bool {
        self.batches
            .front()
            .and_then(|ahead| ahead.batch.times_ms.first())
            .is_some_and(|first| *first <= through_ms)
    }

    /// Takes the rows that pass: those in front of the first one of a later event time.
    pub fn take(&mut self, through_ms: i64) -> Vec<ChangeBatch> {
        let mut taken = Vec::new();
        while let Some(mut ahead) = self.batches.pop_front() {
            if ahead.latest_ms <= through_ms {
                self.rows -= ahead.batch.rows();
                self.bytes -= ahead.bytes;
                taken.push(ahead.batch);
                continue;
            }
            let times_ms = &ahead.batch.times_ms;
            let passing = times_ms.iter().take_while(|time_ms| **time_ms <= through_ms).count();
            if passing > 0 {
                self.rows -= passing;
                taken.push(ahead.batch.slice(0, passing));
                ahead.batch = ahead.batch.slice(passing, ahead.batch.rows() - passing);
                ahead.offsets.drain(..passing);
            }
            self.batches.push_front(ahead);
            break;
        }
        taken
    }
}

/// Bytes of memory of a batch that was just read: its columns, times and headers.
fn bytes_of(batch: &ChangeBatch) -> usize {
    let of_header = |(name, value): &(Arc<str>, Option<Bytes>)| {
        size_of::<(Arc<str>, Option<Bytes>)>() + name.len() + value.as_ref().map_or(0, Bytes::len)
    };
    let headers = batch.headers.iter().flat_map(|rows| rows.iter());
    let headers: usize =
        headers.map(|row| size_of::<Headers>() + row.iter().map(of_header).sum::<usize>()).sum();
    batch.columns.get_array_memory_size() + batch.times_ms.len() * size_of::<i64>() + headers
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;

    fn push(ahead: &mut ReadAhead, times_ms: &[i64], first_offset: i64) {
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, true)]));
        let values: Int64Array = times_ms.iter().copied().map(Some).collect();
        let columns = RecordBatch::try_new(schema, vec![Arc::new(values)]).expect("columns fit the schema");
        let offsets = (first_offset..).map(Offset).take(times_ms.len()).collect();
        ahead.push(ChangeBatch::inserts(columns, times_ms.to_vec().into()), offsets);
    }

    fn times(batches: &[ChangeBatch]) -> Vec<i64> {
        batches.iter().flat_map(|batch| batch.times_ms.iter().copied()).collect()
    }

    #[test]
    fn rows_pass_up_to_a_time_and_the_first_that_waits_tells_the_position() {
        let mut ahead = ReadAhead::default();
        push(&mut ahead, &[1, 5, 3], 10);
        push(&mut ahead, &[4, 9], 13);
        assert!(!ahead.has_passing(0));
        assert_eq!(times(&ahead.take(4)), [1]);
        assert_eq!((ahead.rows(), ahead.first_offset()), (4, Some(Offset(11))));
        assert_eq!(times(&ahead.take(5)), [5, 3, 4]);
        assert_eq!((ahead.latest_ms(), ahead.first_offset()), (9, Some(Offset(14))));
        assert_eq!(times(&ahead.take(i64::MAX)), [9]);
        assert_eq!((ahead.rows(), ahead.first_offset(), ahead.latest_ms()), (0, None, i64::MIN));
        assert_eq!(ahead.bytes(), 0);
    }

    #[test]
    fn headers_count_among_the_bytes_that_wait() {
        let mut ahead = ReadAhead::default();
        push(&mut ahead, &[1], 0);
        let without = ahead.bytes();
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, true)]));
        let columns = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![1]))]);
        let mut batch = ChangeBatch::inserts(columns.expect("columns fit the schema"), vec![2].into());
        let headers: Headers = Arc::from([(Arc::from("trace"), Some(Bytes::from(vec![0; 10_000])))]);
        batch.headers = Some(Arc::from([headers]));
        ahead.push(batch, vec![Offset(1)]);
        assert!(ahead.bytes() > 2 * without + 10_000, "{} beside {without}", ahead.bytes());
        ahead.take(i64::MAX);
        assert_eq!(ahead.bytes(), 0);
    }

    #[test]
    fn a_partition_of_which_nothing_is_read_yet_holds_everybody_back() {
        let bound = Bound::of([((0, 0), 7), ((1, 0), i64::MIN)].into_iter());
        assert_eq!(bound.through_ms((0, 0)), i64::MIN);
        assert_eq!(Bound::of(std::iter::empty()).through_ms((7, 7)), i64::MAX);
    }

    /// The order in which rows pass when `read_max` of them are read at a time.
    fn passed(partitions: &[Vec<i64>], read_max: usize) -> Vec<(usize, i64)> {
        let mut ahead: Vec<ReadAhead> = partitions.iter().map(|_| ReadAhead::default()).collect();
        let mut read = vec![0; partitions.len()];
        let mut passed = Vec::new();
        while passed.len() < partitions.iter().map(Vec::len).sum() {
            for (number, times_ms) in partitions.iter().enumerate() {
                let end = (read[number] + read_max).min(times_ms.len());
                if ahead[number].rows() < read_max && read[number] < end {
                    push(&mut ahead[number], &times_ms[read[number]..end], read[number] as i64);
                    read[number] = end;
                }
            }
            let has_more = |number: &usize| read[*number] < partitions[*number].len();
            let latest = |number: usize| ((0, number), ahead[number].latest_ms());
            let bound = Bound::of((0..partitions.len()).filter(has_more).map(latest));
            let mut round: Vec<(i64, usize, i64)> = Vec::new();
            for (number, ahead) in ahead.iter_mut().enumerate() {
                let through_ms = bound.through_ms((0, number));
                let mut stream_time_ms = i64::MIN;
                for time_ms in times(&ahead.take(through_ms)) {
                    stream_time_ms = stream_time_ms.max(time_ms);
                    round.push((stream_time_ms, number, time_ms));
                }
            }
            // As the exchange merges them: by stream time, then by partition, each in its own order.
            round.sort_by_key(|(stream_time_ms, number, _)| (*stream_time_ms, *number));
            passed.extend(round.into_iter().map(|(_, number, time_ms)| (number, time_ms)));
        }
        passed
    }

    proptest! {
        #[test]
        fn rows_pass_in_the_same_order_however_much_is_read_at_a_time(
            partitions in prop::collection::vec(prop::collection::vec(0_i64..50, 0..30), 1..4),
            read_max in 1_usize..10,
        ) {
            prop_assert_eq!(passed(&partitions, read_max), passed(&partitions, 1_000));
        }
    }
}

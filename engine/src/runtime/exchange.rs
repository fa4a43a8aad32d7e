//! Rows to shards, and many runs to one order.
//!
//! Every shard sees a part of the rows only, but what is late and which windows are closed depends on
//! the event times of all of them. So rows leave with the stream time of their run, and a shard that
//! merges its runs by that order knows of each row how far event time had come on all shards: the
//! rows before it, whoever got them, are those of no greater stream time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};

use crate::batch::{ChangeBatch, Kinds, RowKind};
use crate::error::Result;
use crate::operators::Input;
use crate::operators::interleaved::Interleaved;
use crate::physical::{Exchange, Recipients};
use crate::runtime::stable_hash;

/// What one worker sent to one shard in a round, in its order.
#[derive(Debug)]
pub struct Run {
    /// Which input of the receiving operator.
    pub input: Input,
    /// The batches; each row has its stream time.
    pub batches: Vec<ChangeBatch>,
}

/// How far event time has come on the inputs of a stage; none before an input's first row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StreamTimes {
    left_ms: Option<i64>,
    right_ms: Option<i64>,
}

impl StreamTimes {
    /// That of one input.
    #[must_use]
    pub fn of(&self, input: Input) -> Option<i64> {
        match input {
            Input::Left => self.left_ms,
            Input::Right => self.right_ms,
        }
    }

    /// Goes on to a time, and never back.
    pub fn advance(&mut self, input: Input, time_ms: Option<i64>) {
        let time = match input {
            Input::Left => &mut self.left_ms,
            Input::Right => &mut self.right_ms,
        };
        *time = (*time).max(time_ms);
    }
}

/// Rows of a round in one order.
pub enum Merged {
    /// A few batches, one behind the other.
    Batches(Vec<(Input, ChangeBatch)>),
    /// Rows of two inputs that alternate.
    Interleaved(Box<Interleaved>),
}

/// What the stages of a round are sent.
#[derive(Default)]
pub struct Mailbox {
    /// Runs by shard.
    pub runs: BTreeMap<usize, Vec<Run>>,
    /// The greatest event times among all of them.
    pub stream_times: StreamTimes,
}

impl Mailbox {
    /// Takes what a worker gave in a round, for the shards that get its rows.
    ///
    /// # Errors
    /// Arrow's.
    pub fn take(&mut self, exchange: &Exchange, batches: Vec<ChangeBatch>, shards: usize) -> Result<()> {
        let mut stream_time_ms = i64::MIN;
        let mut routed: BTreeMap<usize, Vec<ChangeBatch>> = BTreeMap::new();
        for mut batch in batches {
            stamp(&mut batch, &exchange.key, &mut stream_time_ms);
            let parts = match exchange.recipients {
                Recipients::ShardOfKey => split(&batch, &exchange.key, shards)?,
                Recipients::EveryShard => copies(&batch, &exchange.key, shards)?,
            };
            for (shard, part) in parts {
                routed.entry(shard).or_default().push(part);
            }
        }
        if stream_time_ms != i64::MIN {
            self.stream_times.advance(exchange.input, Some(stream_time_ms));
        }
        for (shard, batches) in routed {
            self.runs.entry(shard).or_default().push(Run { input: exchange.input, batches });
        }
        Ok(())
    }
}

/// Gives the rows of a run their stream times, given that of the rows before them. Rows that no
/// operator behind the exchange takes, because they have no value or no key, do not advance it.
fn stamp(batch: &mut ChangeBatch, key: &[usize], stream_time_ms: &mut i64) {
    let keyed = keyed_rows(batch, key);
    let all_count =
        matches!(batch.kinds, Kinds::AllInsert) && keyed.as_ref().is_none_or(|keyed| keyed.null_count() == 0);
    let times = &batch.times_ms;
    if all_count && times.first().is_none_or(|first| first >= stream_time_ms) && times.is_sorted() {
        // Rows mostly come in order of time: then it is stream time itself.
        *stream_time_ms = times.last().copied().unwrap_or(*stream_time_ms);
        batch.stream_times_ms = Some(times.clone());
        return;
    }
    let stamped: ScalarBuffer<i64> = times
        .iter()
        .enumerate()
        .map(|(row, time_ms)| {
            let counts = batch.kinds.get(row) != RowKind::NullValue
                && keyed.as_ref().is_none_or(|keyed| keyed.is_valid(row));
            if counts {
                *stream_time_ms = (*stream_time_ms).max(*time_ms);
            }
            *stream_time_ms
        })
        .collect();
    batch.stream_times_ms = Some(stamped);
}

/// Which rows have a whole key; all of them if absent.
fn keyed_rows(batch: &ChangeBatch, key: &[usize]) -> Option<NullBuffer> {
    key.iter().fold(None, |nulls: Option<NullBuffer>, index| {
        NullBuffer::union(nulls.as_ref(), batch.columns.column(*index).logical_nulls().as_ref())
    })
}

/// A batch for every shard: all of it for the first, and for the others the rows that have a key. An
/// update's two rows have the same one.
fn copies(batch: &ChangeBatch, key: &[usize], shards: usize) -> Result<Vec<(usize, ChangeBatch)>> {
    let others = match keyed_rows(batch, key).filter(|keyed| keyed.null_count() > 0) {
        None => batch.clone(),
        Some(keyed) => {
            let rows: UInt32Array =
                (0..batch.rows()).filter(|row| keyed.is_valid(*row)).map(|row| row as u32).collect();
            batch.take(&rows)?
        }
    };
    let mut copies = vec![(0, batch.clone())];
    if others.rows() > 0 {
        copies.extend((1..shards).map(|shard| (shard, others.clone())));
    }
    Ok(copies)
}

/// Cuts a batch by the shard its rows belong to. An update's two rows stay together where they have
/// the same key, as their order within a shard is kept.
fn split(batch: &ChangeBatch, key: &[usize], shards: usize) -> Result<Vec<(usize, ChangeBatch)>> {
    if shards == 1 || key.is_empty() {
        return Ok(vec![(0, batch.clone())]);
    }
    let columns: Vec<ArrayRef> = key.iter().map(|index| batch.columns.column(*index).clone()).collect();
    let hashes = stable_hash::hash_rows(&columns)?;
    let mut rows: Vec<Vec<u32>> = vec![Vec::with_capacity(batch.rows() / shards + 8); shards];
    for (row, hash) in hashes.iter().enumerate() {
        rows[*hash as usize % shards].push(row as u32);
    }
    let mut parts = Vec::with_capacity(shards);
    for (shard, rows) in rows.into_iter().enumerate() {
        if rows.len() == batch.rows() {
            return Ok(vec![(shard, batch.clone())]);
        }
        if !rows.is_empty() {
            parts.push((shard, batch.take(&UInt32Array::from(rows))?));
        }
    }
    Ok(parts)
}

/// Brings the runs of a round into one order: by stream time, then by run. This is how a Kafka Streams
/// task picks among its partitions, and it keeps one partition that is far ahead from making the
/// others late.
///
/// # Errors
/// Arrow's.
pub fn merge(runs: Vec<Run>) -> Result<Merged> {
    let mut runs: Vec<(Input, ChangeBatch)> = runs
        .into_iter()
        .filter_map(|run| {
            let schema = run.batches.first()?.schema();
            Some(ChangeBatch::concat(&schema, &run.batches).map(|batch| (run.input, batch)))
        })
        .collect::<Result<_>>()?;
    if runs.len() <= 1 {
        return Ok(Merged::Batches(runs));
    }
    let last_time = |batch: &ChangeBatch| batch.stream_times_ms().last().copied();
    let first_time = |batch: &ChangeBatch| batch.stream_times_ms().first().copied();
    // Runs that do not overlap in time need no merging; sorting them is stable, so ties stay in order.
    let overlap = |pair: &[(Input, ChangeBatch)]| last_time(&pair[0].1) >= first_time(&pair[1].1);
    let in_order = |runs: &[(Input, ChangeBatch)]| !runs.windows(2).any(overlap);
    if !in_order(&runs) {
        let mut sorted = runs.clone();
        sorted.sort_by_key(|(_, batch)| first_time(batch));
        if !in_order(&sorted) {
            return merge_overlapping(&runs);
        }
        runs = sorted;
    }
    Ok(Merged::Batches(runs))
}

/// A k-way merge.
fn merge_overlapping(runs: &[(Input, ChangeBatch)]) -> Result<Merged> {
    let mut heads: BinaryHeap<Reverse<(i64, usize, usize)>> = runs
        .iter()
        .enumerate()
        .map(|(run, (_, batch))| Reverse((batch.stream_times_ms()[0], run, 0)))
        .collect();
    let mut stretches: Vec<(usize, usize, usize)> = Vec::new();
    while let Some(Reverse((_, run, row))) = heads.pop() {
        let times = runs[run].1.stream_times_ms();
        let next_other = heads.peek().map(|Reverse((time, other, _))| (*time, *other));
        let mut end = row + 1;
        while end < times.len() && next_other.is_none_or(|next| (times[end], run) < next) {
            end += 1;
        }
        stretches.push((run, row, end));
        if end < times.len() {
            heads.push(Reverse((times[end], run, end)));
        }
    }
    let left = gather(runs, &stretches, Input::Left)?;
    let right = gather(runs, &stretches, Input::Right)?;
    Ok(match (left, right) {
        (Some(left), Some(right)) => {
            let mut turns: Vec<(Input, usize)> = Vec::new();
            for (run, from, to) in stretches {
                match turns.last_mut() {
                    Some((input, rows)) if *input == runs[run].0 => *rows += to - from,
                    _ => turns.push((runs[run].0, to - from)),
                }
            }
            Merged::Interleaved(Box::new(Interleaved::new(left, right, turns)))
        }
        (left, right) => {
            let only = |input: Input, batch: Option<ChangeBatch>| batch.map(|batch| (input, batch));
            Merged::Batches(only(Input::Left, left).or(only(Input::Right, right)).into_iter().collect())
        }
    })
}

/// The rows of all runs of one input, in the order of the stretches: run, first row, row behind the last.
fn gather(
    runs: &[(Input, ChangeBatch)],
    stretches: &[(usize, usize, usize)],
    input: Input,
) -> Result<Option<ChangeBatch>> {
    let mut starts = vec![0; runs.len()];
    let mut batches: Vec<ChangeBatch> = Vec::new();
    let mut rows = 0;
    for (start, (_, batch)) in starts.iter_mut().zip(runs).filter(|(_, (of, _))| *of == input) {
        *start = rows;
        rows += batch.rows();
        batches.push(batch.clone());
    }
    let Some(first) = batches.first() else { return Ok(None) };
    let all = ChangeBatch::concat(&first.schema(), &batches)?;
    if batches.len() == 1 {
        // A run is in its own order already.
        return Ok(Some(all));
    }
    let order: Vec<u32> = stretches
        .iter()
        .filter(|(run, ..)| runs[*run].0 == input)
        .flat_map(|(run, from, to)| (*from..*to).map(|row| (starts[*run] + row) as u32))
        .collect();
    Ok(Some(all.take(&UInt32Array::from(order))?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn batch(rows: &[(i64, i64)]) -> ChangeBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, true)]));
        let values: Int64Array = rows.iter().map(|(_, value)| Some(*value)).collect();
        let columns = RecordBatch::try_new(schema, vec![Arc::new(values)]).expect("columns fit the schema");
        ChangeBatch::inserts(columns, rows.iter().map(|(time, _)| *time).collect())
    }

    fn by_key(input: Input) -> Exchange {
        Exchange { stage: 0, input, key: vec![0], recipients: Recipients::ShardOfKey }
    }

    /// Sends a run to a stage of one shard.
    fn send(mailbox: &mut Mailbox, input: Input, batches: &[&[(i64, i64)]]) {
        let exchange = by_key(input);
        let batches = batches.iter().map(|rows| batch(rows)).collect();
        mailbox.take(&exchange, batches, 1).expect("takes a run");
    }

    fn merged(mut mailbox: Mailbox) -> Vec<(Input, ChangeBatch)> {
        in_turns(merge(mailbox.runs.remove(&0).unwrap_or_default()).expect("merges"))
    }

    fn in_turns(merged: Merged) -> Vec<(Input, ChangeBatch)> {
        match merged {
            Merged::Batches(batches) => batches,
            Merged::Interleaved(rows) => rows.batches().collect(),
        }
    }

    fn inputs(batches: &[(Input, ChangeBatch)]) -> Vec<Input> {
        batches.iter().map(|(input, _)| *input).collect()
    }

    fn values(batches: &[(Input, ChangeBatch)]) -> Vec<i64> {
        batches
            .iter()
            .flat_map(|(_, batch)| batch.columns.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect()
    }

    #[test]
    fn runs_of_one_input_come_out_by_time_and_keep_their_own_order() {
        let mut mailbox = Mailbox::default();
        send(&mut mailbox, Input::Left, &[&[(1, 10), (5, 11), (4, 12)], &[(9, 13)]]);
        send(&mut mailbox, Input::Left, &[&[(2, 20), (6, 21)]]);
        assert_eq!(values(&merged(mailbox)), [10, 20, 11, 12, 21, 13]);
    }

    #[test]
    fn rows_of_two_inputs_alternate_by_time() {
        let mut mailbox = Mailbox::default();
        send(&mut mailbox, Input::Left, &[&[(1, 1), (3, 3)]]);
        send(&mut mailbox, Input::Right, &[&[(2, 2), (4, 4)]]);
        let merged = merged(mailbox);
        assert_eq!(values(&merged), [1, 2, 3, 4]);
        assert_eq!(inputs(&merged), [Input::Left, Input::Right, Input::Left, Input::Right]);
    }

    #[test]
    fn runs_of_each_input_are_gathered_where_two_inputs_alternate() {
        let mut mailbox = Mailbox::default();
        send(&mut mailbox, Input::Left, &[&[(1, 1), (6, 6)]]);
        send(&mut mailbox, Input::Right, &[&[(2, 2), (5, 5)]]);
        send(&mut mailbox, Input::Left, &[&[(3, 3), (4, 4)]]);
        let merged = merged(mailbox);
        assert_eq!(values(&merged), [1, 2, 3, 4, 5, 6]);
        assert_eq!(
            inputs(&merged),
            [Input::Left, Input::Right, Input::Left, Input::Right, Input::Left],
            "rows of one input that follow each other are one turn"
        );
    }

    #[test]
    fn at_one_time_the_rows_of_the_earlier_run_come_first() {
        let mut mailbox = Mailbox::default();
        send(&mut mailbox, Input::Right, &[&[(5, 1)]]);
        send(&mut mailbox, Input::Left, &[&[(5, 1)]]);
        assert_eq!(inputs(&merged(mailbox)), [Input::Right, Input::Left]);
    }

    #[test]
    fn every_row_of_a_split_batch_lands_in_one_shard_and_equal_keys_land_together() {
        let all = batch(&(0..1000).map(|n| (n, n % 37)).collect::<Vec<_>>());
        let parts = split(&all, &[0], 4).expect("splits");
        assert_eq!(parts.iter().map(|(_, part)| part.rows()).sum::<usize>(), 1000);
        for key in 0..37 {
            let holding = parts.iter().filter(|(_, part)| {
                part.columns.column(0).as_primitive::<Int64Type>().values().contains(&key)
            });
            assert_eq!(holding.count(), 1, "key {key} is in one shard");
        }
        assert!(parts.iter().all(|(_, part)| part.columns.column(0).null_count() == 0));
    }

    #[test]
    fn rows_for_every_shard_come_to_each_of_them_and_those_without_a_key_to_the_first() {
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, true)]));
        let values = Int64Array::from(vec![Some(1), None, Some(3)]);
        let columns = RecordBatch::try_new(schema, vec![Arc::new(values)]).expect("columns fit the schema");
        let rows = ChangeBatch::inserts(columns, vec![5, 6, 7].into());
        let mut mailbox = Mailbox::default();
        let exchange = Exchange { recipients: Recipients::EveryShard, ..by_key(Input::Right) };
        mailbox.take(&exchange, vec![rows], 3).expect("takes a run");
        let mut times: Vec<(usize, Vec<i64>)> = Vec::new();
        for (shard, runs) in mailbox.runs {
            let batches = in_turns(merge(runs).expect("merges"));
            times.push((shard, batches.iter().flat_map(|(_, batch)| batch.times_ms.to_vec()).collect()));
        }
        assert_eq!(times, [(0, vec![5, 6, 7]), (1, vec![5, 7]), (2, vec![5, 7])]);
    }

    #[test]
    fn rows_of_each_shard_know_the_stream_time_of_all() {
        let rows: Vec<(i64, i64)> = (0..500).map(|n| ((n * 7919) % 1000, n % 37)).collect();
        // What each row would know in one shard.
        let mut stream_time_ms = i64::MIN;
        let mut expected: Vec<(i64, i64)> = Vec::new();
        for (time_ms, _) in &rows {
            stream_time_ms = stream_time_ms.max(*time_ms);
            expected.push((*time_ms, stream_time_ms));
        }
        let mut mailbox = Mailbox::default();
        let exchange = by_key(Input::Left);
        let batches = rows.chunks(64).map(batch).collect();
        mailbox.take(&exchange, batches, 3).expect("takes a run");
        assert_eq!(mailbox.stream_times.of(Input::Left), Some(stream_time_ms));
        assert_eq!(mailbox.stream_times.of(Input::Right), None);
        let mut found: Vec<(i64, i64)> = Vec::new();
        for runs in mailbox.runs.into_values() {
            for (_, batch) in in_turns(merge(runs).expect("merges")) {
                let stamps = batch.stream_times_ms().iter().copied();
                found.extend(batch.times_ms.iter().copied().zip(stamps));
            }
        }
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}

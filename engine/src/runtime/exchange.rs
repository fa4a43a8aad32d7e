//! Rows to shards, and many runs to one order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{ArrayRef, UInt32Array};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::Input;
use crate::runtime::stable_hash;

/// What one worker sent to one shard in a round, in its order.
#[derive(Debug)]
pub struct Run {
    /// Which input of the receiving operator.
    pub input: Input,
    /// The batches.
    pub batches: Vec<ChangeBatch>,
}

/// Cuts a batch by the shard its rows belong to. An update's two rows stay together where they have
/// the same key, as their order within a shard is kept.
///
/// # Errors
/// Arrow's.
pub fn split(batch: &ChangeBatch, key: &[usize], shards: usize) -> Result<Vec<(usize, ChangeBatch)>> {
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

/// Brings the runs of a round into one order: by event time as far as each run's own order allows,
/// then by run. This is how a Kafka Streams task picks among its partitions, and it keeps one
/// partition that is far ahead from making the others late.
///
/// # Errors
/// Arrow's.
pub fn merge(runs: Vec<Run>) -> Result<Vec<(Input, ChangeBatch)>> {
    let mut runs: Vec<(Input, ChangeBatch)> = runs
        .into_iter()
        .filter_map(|run| {
            let schema = run.batches.first()?.schema();
            Some(ChangeBatch::concat(&schema, &run.batches).map(|batch| (run.input, batch)))
        })
        .collect::<Result<_>>()?;
    if runs.len() <= 1 {
        return Ok(runs);
    }
    let last_times = |batch: &ChangeBatch| batch.times_ms.iter().max().copied();
    let first_times = |batch: &ChangeBatch| batch.times_ms.iter().min().copied();
    // Runs that do not overlap in time need no merging; sorting them is stable, so ties stay in order.
    runs.sort_by_key(|(_, batch)| first_times(batch));
    if runs.windows(2).all(|pair| last_times(&pair[0].1) < first_times(&pair[1].1)) {
        return Ok(runs);
    }
    merge_overlapping(&runs)
}

/// A k-way merge. Gives stretches of rows of one run; where all runs belong to one input they are
/// gathered into one batch.
fn merge_overlapping(runs: &[(Input, ChangeBatch)]) -> Result<Vec<(Input, ChangeBatch)>> {
    let mut heads: BinaryHeap<Reverse<(i64, usize, usize)>> =
        runs.iter().enumerate().map(|(run, (_, batch))| Reverse((batch.times_ms[0], run, 0))).collect();
    let mut stretches: Vec<(usize, usize, usize)> = Vec::new();
    while let Some(Reverse((_, run, row))) = heads.pop() {
        let times = &runs[run].1.times_ms;
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
    let first_input = runs[0].0;
    if runs.iter().all(|(input, _)| *input == first_input) {
        let starts: Vec<usize> = runs
            .iter()
            .scan(0, |sum, (_, batch)| {
                let start = *sum;
                *sum += batch.rows();
                Some(start)
            })
            .collect();
        let order: Vec<u32> = stretches
            .iter()
            .flat_map(|(run, from, to)| (*from..*to).map(|row| (starts[*run] + row) as u32))
            .collect();
        let batches: Vec<ChangeBatch> = runs.iter().map(|(_, batch)| batch.clone()).collect();
        let all = ChangeBatch::concat(&batches[0].schema(), &batches)?;
        return Ok(vec![(first_input, all.take(&UInt32Array::from(order))?)]);
    }
    Ok(stretches
        .into_iter()
        .map(|(run, from, to)| (runs[run].0, runs[run].1.slice(from, to - from)))
        .collect())
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

    fn values(batches: &[(Input, ChangeBatch)]) -> Vec<i64> {
        batches
            .iter()
            .flat_map(|(_, batch)| batch.columns.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect()
    }

    #[test]
    fn runs_of_one_input_come_out_by_time_and_keep_their_own_order() {
        let left =
            Run { input: Input::Left, batches: vec![batch(&[(1, 10), (5, 11), (4, 12)]), batch(&[(9, 13)])] };
        let right = Run { input: Input::Left, batches: vec![batch(&[(2, 20), (6, 21)])] };
        let merged = merge(vec![left, right]).expect("merges");
        assert_eq!(values(&merged), [10, 20, 11, 12, 21, 13]);
    }

    #[test]
    fn rows_of_two_inputs_alternate_by_time() {
        let left = Run { input: Input::Left, batches: vec![batch(&[(1, 1), (3, 3)])] };
        let right = Run { input: Input::Right, batches: vec![batch(&[(2, 2), (4, 4)])] };
        let merged = merge(vec![left, right]).expect("merges");
        assert_eq!(values(&merged), [1, 2, 3, 4]);
        assert_eq!(
            merged.iter().map(|(input, _)| *input).collect::<Vec<_>>(),
            [Input::Left, Input::Right, Input::Left, Input::Right]
        );
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
}

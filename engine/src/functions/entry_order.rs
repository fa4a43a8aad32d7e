//! The order in which ksqlDB goes through the entries of a MAP.
//!
//! A MAP has no order in SQL, but what is made of its entries one after the other has one: the ARRAY of its
//! keys, its text, what REDUCE gives. ksqlDB's maps are Java's hash maps, made for as many entries as they
//! have; their order follows from the keys, so that it can be the same here.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::{Int32Type, Int64Type};
use datafusion::common::Result;

use super::elements::Elements;

/// The entries of `rows` MAPs, those of each in that order.
pub(super) fn in_ksqldbs_order(entries: Elements, rows: usize) -> Result<Elements> {
    let Some(keys) = entries.columns.first() else { return Ok(entries) };
    let mut order: Vec<u32> = Vec::with_capacity(keys.len());
    (0..rows).for_each(|row| push_entries(keys, entries.range(row), &mut order));
    entries.reordered(&UInt32Array::from(order))
}

/// Appends the entries of one MAP, whose keys are at these indices, in that order. Those of which the keys
/// are neither text nor whole numbers stay where they are.
pub(super) fn push_entries(keys: &ArrayRef, entries: Range<usize>, order: &mut Vec<u32>) {
    let buckets = bucket_count(entries.len());
    let from = order.len();
    order.extend(entries.map(|entry| entry as u32));
    // Entries of one bucket stay in the order in which they came.
    let mut sort_by = |hash: &dyn Fn(usize) -> u32| {
        order[from..].sort_by_key(|entry| spread(hash(*entry as usize)) & (buckets - 1));
    };
    if let Some(keys) = keys.as_string_opt::<i32>() {
        sort_by(&|entry| text_hash(keys.value(entry)));
    } else if let Some(keys) = keys.as_primitive_opt::<Int32Type>() {
        sort_by(&|entry| keys.value(entry) as u32);
    } else if let Some(keys) = keys.as_primitive_opt::<Int64Type>() {
        sort_by(&|entry| (keys.value(entry) ^ (keys.value(entry) >> 32)) as u32);
    }
}

/// Buckets of a map of so many entries: a power of two, doubled where more than three quarters of it would
/// be used.
fn bucket_count(entries: usize) -> u32 {
    // A map of more entries has no more buckets in Java either.
    const BUCKETS_MAX: usize = 1 << 30;
    let buckets = entries.clamp(1, BUCKETS_MAX).next_power_of_two();
    let doubled = if entries * 4 > buckets * 3 { (buckets * 2).min(BUCKETS_MAX) } else { buckets };
    doubled as u32
}

/// Java's hash of a text.
fn text_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// A hash as Java's maps spread it.
fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn texts_have_the_hashes_of_java() {
        assert_eq!(text_hash("a"), 97);
        assert_eq!(text_hash("polygenelubricants"), 0x8000_0000);
        assert_eq!([1, 3, 4, 12, 13].map(bucket_count), [2, 4, 8, 16, 32]);
    }

    #[test]
    fn entries_go_by_the_buckets_of_their_keys() {
        let order = |keys: ArrayRef| {
            let mut order = Vec::new();
            push_entries(&keys, 0..keys.len(), &mut order);
            order
        };
        assert_eq!(order(Arc::new(StringArray::from(vec!["c", "b", "h", "a"]))), [2, 3, 1, 0]);
        // All are in one bucket.
        assert_eq!(order(Arc::new(StringArray::from(vec!["h", "d"]))), [0, 1]);
        assert_eq!(order(Arc::new(Int64Array::from(vec![-1, 5, 2]))), [0, 1, 2]);
    }
}

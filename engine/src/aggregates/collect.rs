//! COLLECT_LIST and COLLECT_SET: the values of a group as an array, in the order in which they came.
//! Nulls are collected like values.
//!
//! A limit on the entries ends the collecting, quietly as in ksqlDB. Taking a value back removes its
//! last occurrence; one that was beyond the limit was never there.
//!
//! Collections are stored in [`Chunks`] as they grow, but where groups merge: those are stored whole.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use arrow::row::Rows;
use indexmap::IndexSet;

use super::accumulator::{Fold, Folded};
use super::chunks::{CHUNK_BYTES, Chunks, StoreChunk, put_entries, take_entries};
use super::function::{Function, Mismatch, Resolved, all_values};
use super::values::Values;
use crate::error::{Error, Result};
use crate::state::encoding::Reader;

pub(super) static COLLECT_LIST: Function = Function {
    name: "COLLECT_LIST",
    description: "All values, as an array in the order in which they came.",
    signatures: &["(value)"],
    example: "SELECT visitor, COLLECT_LIST(page) FROM views GROUP BY visitor",
    retractable: true,
    values: all_values,
    resolve,
    create: |call| Ok(Folded::boxed(CollectList(Collection::new(call)?))),
};

pub(super) static COLLECT_SET: Function = Function {
    name: "COLLECT_SET",
    description: "All distinct values, as an array in the order in which they first came.",
    signatures: &["(value)"],
    example: "SELECT visitor, COLLECT_SET(page) FROM views GROUP BY visitor",
    retractable: false,
    values: all_values,
    resolve,
    create: |call| Ok(Folded::boxed(CollectSet(Collection::new(call)?))),
};

fn resolve(arguments: &[DataType], _: &[Option<datafusion::scalar::ScalarValue>]) -> Resolved {
    match arguments {
        [value] => Ok(DataType::List(Arc::new(Field::new_list_field(value.clone(), true)))),
        _ => Err(Mismatch::Arguments),
    }
}

/// What both collections are made of.
struct Collection {
    values: Values,
    return_type: DataType,
    entries_max: usize,
}

impl Collection {
    fn new(call: &super::ResolvedCall) -> Result<Collection> {
        let value = call.arguments.first().ok_or_else(|| Error::internal("a collection of nothing"))?;
        Ok(Collection {
            values: Values::new(value)?,
            return_type: call.return_type.clone(),
            entries_max: call.entries_max.unwrap_or(usize::MAX),
        })
    }
}

/// Encoded values one behind the other.
///
/// A group's bytes are bounded well below 4 GiB, so ends are 32 bits wide.
#[derive(Default)]
pub(super) struct EncodedList {
    ends: Vec<u32>,
    bytes: Vec<u8>,
    chunks: Option<Box<Chunks>>,
}

impl EncodedList {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len() as u32);
    }

    fn value(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[index] as usize]
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator + Clone {
        (0..self.len()).map(|index| self.value(index))
    }

    fn remove(&mut self, index: usize) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends.remove(index);
        self.bytes.drain(start as usize..end as usize);
        for later in &mut self.ends[index..] {
            *later -= end - start;
        }
        if let Some(chunks) = &mut self.chunks {
            chunks.removed(index);
        }
    }

    /// The values that are in no chunk.
    fn rest(&self) -> Range<usize> {
        in_chunks(self.chunks.as_deref())..self.len()
    }
}

struct CollectList(Collection);

impl Fold for CollectList {
    type State = EncodedList;
    type Columns<'a> = Rows;
    const OWNS_MEMORY: bool = true;
    const CHUNKED: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.0.values.encode(columns, 0)
    }

    fn add(&self, state: &mut EncodedList, rows: &Rows, row: usize, _: u64) -> Result<()> {
        if state.len() < self.0.entries_max {
            state.push(rows.row(row).data());
        }
        Ok(())
    }

    fn retract(&self, state: &mut EncodedList, rows: &Rows, row: usize) -> Result<()> {
        let value = rows.row(row).data();
        let last = state.iter().rposition(|other| other == value);
        if let Some(last) = last {
            state.remove(last);
        }
        Ok(())
    }

    fn merge(&self, into: &mut EncodedList, from: EncodedList) -> Result<()> {
        let room = self.0.entries_max.saturating_sub(into.len());
        for value in from.iter().take(room) {
            into.push(value);
        }
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a EncodedList> + Clone,
    ) -> Result<ArrayRef> {
        let lengths = states.clone().map(EncodedList::len);
        self.0.values.lists(lengths, states.flat_map(EncodedList::iter), &self.0.return_type)
    }

    fn encode(&self, state: &EncodedList, bytes: &mut Vec<u8>) {
        put_entries(bytes, state.iter());
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<EncodedList> {
        let mut state = EncodedList::default();
        take_entries(bytes, |value| state.push(value))?;
        Ok(state)
    }

    fn store_chunks(&self, state: &mut EncodedList, store: &mut StoreChunk<'_>) {
        if state.chunks.is_none() && state.bytes.len() + state.len() < CHUNK_BYTES {
            return;
        }
        let mut chunks = state.chunks.take().unwrap_or_default();
        chunks.store(state.len(), |index| state.value(index), store);
        state.chunks = Some(chunks);
    }

    fn chunk_runs(&self, state: &EncodedList) -> Vec<Range<u64>> {
        state.chunks.as_ref().map(|chunks| chunks.runs()).unwrap_or_default()
    }

    fn encode_rest(&self, state: &EncodedList, bytes: &mut Vec<u8>) {
        put_entries(bytes, state.rest().map(|index| state.value(index)));
    }

    fn decode_chunk(&self, state: &mut EncodedList, number: u64, bytes: &mut Reader<'_>) -> Result<()> {
        take_entries(bytes, |value| state.push(value))?;
        let entries = state.len();
        state.chunks.get_or_insert_default().taken(number, entries);
        Ok(())
    }

    fn decode_rest(&self, state: &mut EncodedList, bytes: &mut Reader<'_>) -> Result<()> {
        take_entries(bytes, |value| state.push(value))
    }

    fn owned_bytes(&self, state: &EncodedList) -> usize {
        state.bytes.capacity()
            + state.ends.capacity() * size_of::<u32>()
            + state.chunks.as_ref().map_or(0, |chunks| chunks.memory_bytes())
    }
}

struct CollectSet(Collection);

/// Distinct encoded values in the order in which they came.
#[derive(Default)]
struct EncodedSet {
    values: IndexSet<Box<[u8]>, ahash::RandomState>,
    value_bytes: usize,
    chunks: Option<Box<Chunks>>,
}

impl EncodedSet {
    fn insert(&mut self, value: &[u8], entries_max: usize) {
        if self.values.len() < entries_max && !self.values.contains(value) {
            self.values.insert(value.into());
            self.value_bytes += value.len();
        }
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.values.iter().map(|value| &value[..])
    }

    /// The values that are in no chunk.
    fn rest(&self) -> Range<usize> {
        in_chunks(self.chunks.as_deref())..self.values.len()
    }
}

impl Fold for CollectSet {
    type State = EncodedSet;
    type Columns<'a> = Rows;
    const OWNS_MEMORY: bool = true;
    const CHUNKED: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.0.values.encode(columns, 0)
    }

    fn add(&self, state: &mut EncodedSet, rows: &Rows, row: usize, _: u64) -> Result<()> {
        state.insert(rows.row(row).data(), self.0.entries_max);
        Ok(())
    }

    fn merge(&self, into: &mut EncodedSet, from: EncodedSet) -> Result<()> {
        for value in from.iter() {
            into.insert(value, self.0.entries_max);
        }
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a EncodedSet> + Clone,
    ) -> Result<ArrayRef> {
        let lengths = states.clone().map(|state| state.values.len());
        self.0.values.lists(lengths, states.flat_map(EncodedSet::iter), &self.0.return_type)
    }

    fn encode(&self, state: &EncodedSet, bytes: &mut Vec<u8>) {
        put_entries(bytes, state.iter());
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<EncodedSet> {
        let mut state = EncodedSet::default();
        take_entries(bytes, |value| state.insert(value, usize::MAX))?;
        Ok(state)
    }

    fn store_chunks(&self, state: &mut EncodedSet, store: &mut StoreChunk<'_>) {
        if state.chunks.is_none() && state.value_bytes + state.values.len() < CHUNK_BYTES {
            return;
        }
        let mut chunks = state.chunks.take().unwrap_or_default();
        chunks.store(state.values.len(), |index| &state.values[index][..], store);
        state.chunks = Some(chunks);
    }

    fn chunk_runs(&self, state: &EncodedSet) -> Vec<Range<u64>> {
        state.chunks.as_ref().map(|chunks| chunks.runs()).unwrap_or_default()
    }

    fn encode_rest(&self, state: &EncodedSet, bytes: &mut Vec<u8>) {
        put_entries(bytes, state.rest().map(|index| &state.values[index][..]));
    }

    fn decode_chunk(&self, state: &mut EncodedSet, number: u64, bytes: &mut Reader<'_>) -> Result<()> {
        take_entries(bytes, |value| state.insert(value, usize::MAX))?;
        let entries = state.values.len();
        state.chunks.get_or_insert_default().taken(number, entries);
        Ok(())
    }

    fn decode_rest(&self, state: &mut EncodedSet, bytes: &mut Reader<'_>) -> Result<()> {
        take_entries(bytes, |value| state.insert(value, usize::MAX))
    }

    fn owned_bytes(&self, state: &EncodedSet) -> usize {
        // Beside its bytes every entry has a hash, a pointer with a length, an index, and the
        // allocator's header.
        let chunks = state.chunks.as_ref().map_or(0, |chunks| chunks.memory_bytes());
        state.value_bytes + state.values.capacity() * 48 + chunks
    }
}

/// How many first values are in chunks.
fn in_chunks(chunks: Option<&Chunks>) -> usize {
    chunks.map_or(0, Chunks::entries)
}

//! HISTOGRAM: how often each text came, as a map sorted by text. Nulls are skipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, MapArray, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};

use super::accumulator::{Fold, Folded};
use super::function::{Function, Mismatch, all_values};
use super::number::wrong_argument;
use super::values::offsets;
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, damaged, put_bytes, put_i64, put_varint};

/// The most different texts a histogram has; further ones are not counted, as in ksqlDB.
const ENTRIES_MAX: usize = 1000;

pub(super) static HISTOGRAM: Function = Function {
    name: "HISTOGRAM",
    description: "How often each text came, as a map; up to 1000 different ones.",
    signatures: &["(value STRING)"],
    example: "SELECT page, HISTOGRAM(country) FROM views GROUP BY page",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [DataType::Utf8] => Ok(counts_by_text()),
        _ => Err(Mismatch::Arguments),
    },
    create: |call| Ok(Folded::boxed(Histogram { return_type: call.return_type.clone() })),
};

/// MAP<STRING, BIGINT>.
fn counts_by_text() -> DataType {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Int64, true),
    ]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

struct Histogram {
    return_type: DataType,
}

#[derive(Default)]
struct Counts {
    counts: BTreeMap<Box<str>, i64>,
    text_bytes: usize,
}

impl Counts {
    fn change(&mut self, text: &str, by: i64) {
        if let Some(count) = self.counts.get_mut(text) {
            *count += by;
            if *count <= 0 {
                self.counts.remove(text);
                self.text_bytes -= text.len();
            }
        } else if by > 0 && self.counts.len() < ENTRIES_MAX {
            self.counts.insert(text.into(), by);
            self.text_bytes += text.len();
        }
    }
}

impl Fold for Histogram {
    type State = Counts;
    type Columns<'a> = &'a StringArray;
    const OWNS_MEMORY: bool = true;

    fn columns<'a>(&self, columns: &'a [ArrayRef]) -> Result<&'a StringArray> {
        let column = columns.first().and_then(|column| column.as_string_opt());
        column.ok_or_else(|| wrong_argument(columns, 0, &DataType::Utf8))
    }

    fn add(&self, state: &mut Counts, column: &&StringArray, row: usize, _: u64) -> Result<()> {
        if column.is_valid(row) {
            state.change(column.value(row), 1);
        }
        Ok(())
    }

    fn retract(&self, state: &mut Counts, column: &&StringArray, row: usize) -> Result<()> {
        if column.is_valid(row) {
            state.change(column.value(row), -1);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Counts, from: Counts) -> Result<()> {
        for (text, count) in &from.counts {
            into.change(text, *count);
        }
        Ok(())
    }

    fn evaluate<'a>(&'a self, states: impl ExactSizeIterator<Item = &'a Counts> + Clone) -> Result<ArrayRef> {
        let DataType::Map(field, sorted) = &self.return_type else {
            return Err(Error::internal(format!("a histogram's type is {}", self.return_type)));
        };
        let DataType::Struct(fields) = field.data_type() else {
            return Err(Error::internal(format!("a histogram's type is {}", self.return_type)));
        };
        let offsets = offsets(states.clone().map(|state| state.counts.len()))?;
        // The array wants to know beforehand how many texts come, which the chain does not.
        let texts: Vec<&str> =
            states.clone().flat_map(|state| state.counts.keys()).map(AsRef::as_ref).collect();
        let texts = StringArray::from_iter_values(texts);
        let counts = Int64Array::from_iter_values(states.flat_map(|state| state.counts.values().copied()));
        let entries = StructArray::try_new(fields.clone(), vec![Arc::new(texts), Arc::new(counts)], None)?;
        Ok(Arc::new(MapArray::try_new(field.clone(), offsets, entries, None, *sorted)?))
    }

    fn encode(&self, state: &Counts, bytes: &mut Vec<u8>) {
        put_varint(bytes, state.counts.len() as u64);
        for (text, count) in &state.counts {
            put_bytes(bytes, text.as_bytes());
            put_i64(bytes, *count);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Counts> {
        let mut state = Counts::default();
        for _ in 0..bytes.count()? {
            let text =
                std::str::from_utf8(bytes.bytes()?).map_err(|_| damaged("a text in it is no UTF-8"))?;
            state.change(text, bytes.i64()?);
        }
        Ok(state)
    }

    fn owned_bytes(&self, state: &Counts) -> usize {
        // An entry has a pointer with a length, a count, its share of a tree node, and an allocation.
        state.text_bytes + state.counts.len() * 56
    }
}

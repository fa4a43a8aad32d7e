//! TOPK and TOPKDISTINCT: the greatest few values, greatest first; nulls do not count.
//!
//! TOPK may carry further columns along: `TOPK(amount, user, 3)` gives the three greatest amounts with
//! their users, as structs. Of equal values the earlier one stands, and stays, first.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::row::Rows;
use datafusion::scalar::ScalarValue;

use super::accumulator::{Fold, Folded};
use super::function::{Function, Mismatch, Resolved, ResolvedCall, count_parameter, is_ordered};
use super::values::{Values, element_field, list_of};
use crate::error::{Error, Result};
use crate::state::RowCodec;
use crate::state::encoding::{Reader, put_bytes, put_varint};

/// The most values a call may ask for: every group keeps as many, and finds a new one's place among
/// them.
const COUNT_MAX: usize = 100_000;

/// Name of the struct field with the value that is compared, as ksqlDB has it.
const SORT_FIELD: &str = "sort_col";

pub(super) static TOPK: Function = Function {
    name: "TOPK",
    description: "The greatest values, greatest first; with further columns, structs of them.",
    signatures: &["(value, k INTEGER)", "(value, column, ..., k INTEGER)"],
    example: "SELECT genre, TOPK(plays, title, 10) FROM songs GROUP BY genre",
    retractable: false,
    values: all_but_last,
    resolve: resolve_top_k,
    create: |call| Ok(Folded::boxed(TopK::new(call, false)?)),
};

pub(super) static TOPKDISTINCT: Function = Function {
    name: "TOPKDISTINCT",
    description: "The greatest distinct values, greatest first.",
    signatures: &["(value, k INTEGER)"],
    example: "SELECT city, TOPKDISTINCT(temperature, 3) FROM readings GROUP BY city",
    retractable: false,
    values: all_but_last,
    resolve: |arguments, constants| match arguments {
        [_, _] => resolve_top_k(arguments, constants),
        _ => Err(Mismatch::Arguments),
    },
    create: |call| Ok(Folded::boxed(TopK::new(call, true)?)),
};

fn all_but_last(arguments: usize) -> usize {
    arguments.saturating_sub(1)
}

fn resolve_top_k(arguments: &[DataType], constants: &[Option<ScalarValue>]) -> Resolved {
    let [value, further @ .., _] = arguments else { return Err(Mismatch::Arguments) };
    if !is_ordered(value) {
        return Err(Mismatch::Arguments);
    }
    count_parameter(arguments.len() - 1, constants, COUNT_MAX)?;
    let element = if further.is_empty() {
        value.clone()
    } else {
        let sort_field = Field::new(SORT_FIELD, value.clone(), true);
        let further = further.iter().enumerate();
        let further = further.map(|(index, kind)| Field::new(format!("col{index}"), kind.clone(), true));
        DataType::Struct(std::iter::once(sort_field).chain(further).collect())
    };
    Ok(DataType::List(Arc::new(Field::new_list_field(element, true))))
}

struct TopK {
    values: Values,
    /// The columns that are carried along, and the fields of the structs then.
    further: Option<(RowCodec, Fields)>,
    count: usize,
    distinct: bool,
    return_type: DataType,
}

impl TopK {
    fn new(call: &ResolvedCall, distinct: bool) -> Result<TopK> {
        let [value, further @ .., _] = &call.arguments[..] else {
            return Err(Error::internal("the greatest of nothing"));
        };
        let count = count_parameter(call.arguments.len() - 1, &call.constants, COUNT_MAX)
            .map_err(|mismatch| Error::internal(format!("a call was resolved otherwise: {mismatch:?}")))?;
        let further = match element_field(&call.return_type)?.data_type() {
            DataType::Struct(fields) if !further.is_empty() => {
                Some((RowCodec::new(further)?, fields.clone()))
            }
            _ => None,
        };
        let return_type = call.return_type.clone();
        Ok(TopK { values: Values::new(value)?, further, count, distinct, return_type })
    }

    fn offer(&self, state: &mut Best, value: &[u8], further: &[u8]) {
        let place = state.entries.partition_point(|entry| *entry.value >= *value);
        let repeated = self.distinct && place > 0 && *state.entries[place - 1].value == *value;
        if place < self.count && !repeated {
            state.entry_bytes += value.len() + further.len();
            state.entries.insert(place, Entry { value: value.into(), further: further.into() });
        }
        if state.entries.len() > self.count
            && let Some(removed) = state.entries.pop()
        {
            state.entry_bytes -= removed.value.len() + removed.further.len();
        }
    }
}

/// The greatest values so far, greatest first.
#[derive(Default)]
struct Best {
    entries: Vec<Entry>,
    entry_bytes: usize,
}

struct Entry {
    value: Box<[u8]>,
    further: Box<[u8]>,
}

/// The values of a batch and what is carried along.
struct Offered {
    values: Rows,
    further: Option<Rows>,
}

impl Fold for TopK {
    type State = Best;
    type Columns<'a> = Offered;
    const OWNS_MEMORY: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Offered> {
        let values = self.values.encode(columns, 0)?;
        let further = match &self.further {
            Some((codec, _)) => Some(codec.encode(columns.get(1..).unwrap_or_default())?),
            None => None,
        };
        Ok(Offered { values, further })
    }

    fn add(&self, state: &mut Best, offered: &Offered, row: usize, _: u64) -> Result<()> {
        let value = offered.values.row(row).data();
        if value != self.values.null() {
            let further = offered.further.as_ref().map_or(&[][..], |further| further.row(row).data());
            self.offer(state, value, further);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Best, from: Best) -> Result<()> {
        for entry in &from.entries {
            self.offer(into, &entry.value, &entry.further);
        }
        Ok(())
    }

    fn evaluate<'a>(&'a self, states: impl ExactSizeIterator<Item = &'a Best> + Clone) -> Result<ArrayRef> {
        let lengths = states.clone().map(|state| state.entries.len());
        let entries = states.flat_map(|state| &state.entries);
        let values = self.values.array(entries.clone().map(|entry| &entry.value[..]))?;
        let elements = match &self.further {
            None => values,
            Some((codec, fields)) => {
                let mut columns = vec![values];
                columns.extend(codec.decode(entries.map(|entry| &entry.further[..]))?);
                Arc::new(StructArray::try_new(fields.clone(), columns, None)?)
            }
        };
        list_of(lengths, elements, &self.return_type)
    }

    fn encode(&self, state: &Best, bytes: &mut Vec<u8>) {
        put_varint(bytes, state.entries.len() as u64);
        for entry in &state.entries {
            put_bytes(bytes, &entry.value);
            put_bytes(bytes, &entry.further);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Best> {
        let mut state = Best::default();
        for _ in 0..bytes.count()? {
            let entry = Entry { value: bytes.bytes()?.into(), further: bytes.bytes()?.into() };
            state.entry_bytes += entry.value.len() + entry.further.len();
            state.entries.push(entry);
        }
        Ok(state)
    }

    fn owned_bytes(&self, state: &Best) -> usize {
        // An entry has up to two allocations of its own, with the allocator's headers.
        state.entry_bytes + state.entries.len() * 32 + state.entries.capacity() * size_of::<Entry>()
    }
}

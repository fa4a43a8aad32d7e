//! LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: the last or first value, or the last or first few, in the
//! order in which records came, whatever their event times.
//!
//! Where groups merge (sessions), that order is asked of the rows' sequence numbers, which are kept
//! beside the values.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use arrow::row::Rows;
use datafusion::scalar::ScalarValue;

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, Resolved, ResolvedCall, count_parameter, first_is_value};
use super::values::Values;
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, put_bytes, put_varint};

/// The most values a call may ask for: every group keeps as many.
const COUNT_MAX: usize = 100_000;

const SIGNATURES: [&str; 4] = [
    "(value)",
    "(value, ignore_nulls BOOLEAN)",
    "(value, count INTEGER)",
    "(value, count INTEGER, ignore_nulls BOOLEAN)",
];

pub(super) static LATEST_BY_OFFSET: Function = Function {
    name: "LATEST_BY_OFFSET",
    description: "The last value, or the last few, in the order of the records; nulls are ignored unless asked.",
    signatures: &SIGNATURES,
    example: "SELECT device, LATEST_BY_OFFSET(status) FROM events GROUP BY device",
    retractable: false,
    values: first_is_value,
    resolve,
    create: |call| accumulator(call, Side::Latest),
};

pub(super) static EARLIEST_BY_OFFSET: Function = Function {
    name: "EARLIEST_BY_OFFSET",
    description: "The first value, or the first few, in the order of the records; nulls are ignored unless asked.",
    signatures: &SIGNATURES,
    example: "SELECT device, EARLIEST_BY_OFFSET(status) FROM events GROUP BY device",
    retractable: false,
    values: first_is_value,
    resolve,
    create: |call| accumulator(call, Side::Earliest),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Earliest,
    Latest,
}

/// The parameters of a call.
struct Parameters {
    count: Option<usize>,
    ignore_nulls: bool,
}

fn parameters(
    arguments: &[DataType],
    constants: &[Option<ScalarValue>],
) -> std::result::Result<Parameters, Mismatch> {
    let flag = |position: usize| match constants.get(position) {
        Some(Some(ScalarValue::Boolean(Some(flag)))) => Ok(*flag),
        Some(Some(_)) => Err(Mismatch::Arguments),
        _ => Err(Mismatch::NotLiteral(position)),
    };
    Ok(match arguments {
        [_] => Parameters { count: None, ignore_nulls: true },
        [_, DataType::Boolean] => Parameters { count: None, ignore_nulls: flag(1)? },
        [_, _] => Parameters { count: Some(count_parameter(1, constants, COUNT_MAX)?), ignore_nulls: true },
        [_, _, DataType::Boolean] => {
            Parameters { count: Some(count_parameter(1, constants, COUNT_MAX)?), ignore_nulls: flag(2)? }
        }
        _ => return Err(Mismatch::Arguments),
    })
}

fn resolve(arguments: &[DataType], constants: &[Option<ScalarValue>]) -> Resolved {
    let parameters = parameters(arguments, constants)?;
    let value = arguments.first().cloned().ok_or(Mismatch::Arguments)?;
    Ok(match parameters.count {
        None => value,
        Some(_) => DataType::List(Arc::new(Field::new_list_field(value, true))),
    })
}

fn accumulator(call: &ResolvedCall, side: Side) -> Result<Box<dyn Accumulator>> {
    let Parameters { count, ignore_nulls } = parameters(&call.arguments, &call.constants)
        .map_err(|mismatch| Error::internal(format!("a call was resolved otherwise: {mismatch:?}")))?;
    let value = call.arguments.first().ok_or_else(|| Error::internal("the latest of nothing"))?;
    let values = Values::new(value)?;
    Ok(match count {
        None => Folded::boxed(One { values, side, ignore_nulls }),
        Some(count) => {
            Folded::boxed(Few { values, side, ignore_nulls, count, return_type: call.return_type.clone() })
        }
    })
}

/// A value and the number of its row.
#[derive(Default)]
struct Numbered {
    sequence: u64,
    value: Vec<u8>,
}

/// One value.
struct One {
    values: Values,
    side: Side,
    ignore_nulls: bool,
}

impl Fold for One {
    type State = Option<Numbered>;
    type Columns<'a> = Rows;
    const OWNS_MEMORY: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.values.encode(columns, 0)
    }

    fn add(&self, state: &mut Self::State, rows: &Rows, row: usize, sequence: u64) -> Result<()> {
        let value = rows.row(row).data();
        if self.ignore_nulls && value == self.values.null() || self.side == Side::Earliest && state.is_some()
        {
            return Ok(());
        }
        let state = state.get_or_insert_default();
        state.sequence = sequence;
        state.value.clear();
        state.value.extend_from_slice(value);
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        let wins = match (&into, &from) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(held), Some(other)) => match self.side {
                Side::Earliest => other.sequence < held.sequence,
                Side::Latest => other.sequence > held.sequence,
            },
        };
        if wins {
            *into = from;
        }
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Self::State> + Clone,
    ) -> Result<ArrayRef> {
        let null = self.values.null();
        self.values.array(states.map(|state| state.as_ref().map_or(null, |state| &state.value[..])))
    }

    fn encode(&self, state: &Self::State, bytes: &mut Vec<u8>) {
        put_varint(bytes, u64::from(state.is_some()));
        if let Some(state) = state {
            put_numbered(bytes, state.sequence, &state.value);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Self::State> {
        Ok(if bytes.count()? > 0 { Some(read_numbered(bytes)?) } else { None })
    }

    fn owned_bytes(&self, state: &Self::State) -> usize {
        state.as_ref().map_or(0, |state| state.value.capacity())
    }
}

/// A few values, in the order in which they came.
struct Few {
    values: Values,
    side: Side,
    ignore_nulls: bool,
    count: usize,
    return_type: DataType,
}

#[derive(Default)]
struct Kept {
    values: VecDeque<Numbered>,
    value_bytes: usize,
}

impl Kept {
    fn push(&mut self, sequence: u64, value: &[u8]) {
        self.value_bytes += value.len();
        self.values.push_back(Numbered { sequence, value: value.to_vec() });
    }
}

impl Few {
    fn trim(&self, kept: &mut Kept) {
        while kept.values.len() > self.count {
            let removed = match self.side {
                Side::Earliest => kept.values.pop_back(),
                Side::Latest => kept.values.pop_front(),
            };
            kept.value_bytes -= removed.map_or(0, |removed| removed.value.len());
        }
    }
}

impl Fold for Few {
    type State = Kept;
    type Columns<'a> = Rows;
    const OWNS_MEMORY: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.values.encode(columns, 0)
    }

    fn add(&self, state: &mut Kept, rows: &Rows, row: usize, sequence: u64) -> Result<()> {
        let value = rows.row(row).data();
        let full = self.side == Side::Earliest && state.values.len() >= self.count;
        let ignored = self.ignore_nulls && value == self.values.null();
        if !full && !ignored {
            state.push(sequence, value);
            self.trim(state);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Kept, from: Kept) -> Result<()> {
        into.value_bytes += from.value_bytes;
        into.values.extend(from.values);
        // Stable: values that merged before stay in the order they had.
        into.values.make_contiguous().sort_by_key(|value| value.sequence);
        self.trim(into);
        Ok(())
    }

    fn evaluate<'a>(&'a self, states: impl ExactSizeIterator<Item = &'a Kept> + Clone) -> Result<ArrayRef> {
        let lengths = states.clone().map(|state| state.values.len());
        let values = states.flat_map(|state| state.values.iter().map(|value| &value.value[..]));
        self.values.lists(lengths, values, &self.return_type)
    }

    fn encode(&self, state: &Kept, bytes: &mut Vec<u8>) {
        put_varint(bytes, state.values.len() as u64);
        for value in &state.values {
            put_numbered(bytes, value.sequence, &value.value);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Kept> {
        let mut state = Kept::default();
        for _ in 0..bytes.count()? {
            let Numbered { sequence, value } = read_numbered(bytes)?;
            state.push(sequence, &value);
        }
        Ok(state)
    }

    fn owned_bytes(&self, state: &Kept) -> usize {
        // Every value is an allocation of its own, with the allocator's header.
        state.value_bytes + state.values.len() * 16 + state.values.capacity() * size_of::<Numbered>()
    }
}

fn put_numbered(bytes: &mut Vec<u8>, sequence: u64, value: &[u8]) {
    put_varint(bytes, sequence);
    put_bytes(bytes, value);
}

fn read_numbered(bytes: &mut Reader<'_>) -> Result<Numbered> {
    Ok(Numbered { sequence: bytes.varint()?, value: bytes.bytes()?.to_vec() })
}

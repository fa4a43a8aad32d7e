//! ATTR: the value that all rows of a group share; NULL when they have different ones. A null counts
//! as a value.

use arrow::array::ArrayRef;
use arrow::row::Rows;
use indexmap::IndexMap;

use super::accumulator::{Fold, Folded};
use super::function::{Function, Mismatch, all_values};
use super::values::Values;
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, put_bytes, put_i64, put_varint};

pub(super) static ATTR: Function = Function {
    name: "ATTR",
    description: "The value that all rows share, or NULL if they have different ones.",
    signatures: &["(value)"],
    example: "SELECT order_id, ATTR(currency), SUM(amount) FROM payments GROUP BY order_id",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [value] => Ok(value.clone()),
        _ => Err(Mismatch::Arguments),
    },
    create: |call| {
        let value = call.arguments.first().ok_or_else(|| Error::internal("an attribute of nothing"))?;
        Ok(Folded::boxed(Attribute { values: Values::new(value)?, retracts: call.retracts }))
    },
};

struct Attribute {
    values: Values,
    retracts: bool,
}

/// How many rows have each value.
#[derive(Default)]
struct Counts {
    counts: IndexMap<Box<[u8]>, i64, ahash::RandomState>,
    value_bytes: usize,
}

impl Attribute {
    fn change(&self, state: &mut Counts, value: &[u8], by: i64) {
        if let Some(count) = state.counts.get_mut(value) {
            *count += by;
            if *count <= 0 {
                state.counts.shift_remove(value);
                state.value_bytes -= value.len();
            }
        } else if by > 0 && (self.retracts || state.counts.len() < 2) {
            // Where nothing is taken back, two different values settle the matter for good.
            state.counts.insert(value.into(), by);
            state.value_bytes += value.len();
        }
    }
}

impl Fold for Attribute {
    type State = Counts;
    type Columns<'a> = Rows;
    const OWNS_MEMORY: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.values.encode(columns, 0)
    }

    fn add(&self, state: &mut Counts, rows: &Rows, row: usize, _: u64) -> Result<()> {
        self.change(state, rows.row(row).data(), 1);
        Ok(())
    }

    fn retract(&self, state: &mut Counts, rows: &Rows, row: usize) -> Result<()> {
        self.change(state, rows.row(row).data(), -1);
        Ok(())
    }

    fn merge(&self, into: &mut Counts, from: Counts) -> Result<()> {
        for (value, count) in &from.counts {
            self.change(into, value, *count);
        }
        Ok(())
    }

    fn evaluate<'a>(&'a self, states: impl ExactSizeIterator<Item = &'a Counts> + Clone) -> Result<ArrayRef> {
        self.values.array(states.map(|state| match state.counts.first() {
            Some((value, _)) if state.counts.len() == 1 => &value[..],
            _ => self.values.null(),
        }))
    }

    fn encode(&self, state: &Counts, bytes: &mut Vec<u8>) {
        put_varint(bytes, state.counts.len() as u64);
        for (value, count) in &state.counts {
            put_bytes(bytes, value);
            put_i64(bytes, *count);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Counts> {
        let mut state = Counts::default();
        for _ in 0..bytes.count()? {
            let value = bytes.bytes()?;
            let count = bytes.i64()?;
            self.change(&mut state, value, count);
        }
        Ok(state)
    }

    fn owned_bytes(&self, state: &Counts) -> usize {
        // An entry has a pointer with a length, a count, a hash, an index, and an allocation.
        state.value_bytes + state.counts.capacity() * 56
    }
}

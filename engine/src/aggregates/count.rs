//! COUNT: how many rows, or how many values that are not null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::accumulator::{Fold, Folded};
use super::function::{Function, Mismatch, all_values};
use crate::error::Result;
use crate::state::encoding::{Reader, put_i64};

pub(super) static COUNT: Function = Function {
    name: "COUNT",
    description: "Counts rows, or the values that are not null.",
    signatures: &["(*)", "(value)"],
    example: "SELECT page, COUNT(*) FROM views GROUP BY page",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [] | [_] => Ok(DataType::Int64),
        _ => Err(Mismatch::Arguments),
    },
    create: |_| Ok(Folded::boxed(Count)),
};

struct Count;

impl Fold for Count {
    type State = i64;
    type Columns<'a> = Option<NullBuffer>;
    const OWNS_MEMORY: bool = false;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Option<NullBuffer>> {
        let nulls = columns.first().and_then(|column| column.logical_nulls());
        Ok(nulls.filter(|nulls| nulls.null_count() > 0))
    }

    fn add(&self, state: &mut i64, nulls: &Option<NullBuffer>, row: usize, _: u64) -> Result<()> {
        *state += i64::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
        Ok(())
    }

    fn retract(&self, state: &mut i64, nulls: &Option<NullBuffer>, row: usize) -> Result<()> {
        *state -= i64::from(nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
        Ok(())
    }

    fn merge(&self, into: &mut i64, from: i64) -> Result<()> {
        *into += from;
        Ok(())
    }

    fn evaluate<'a>(&'a self, states: impl ExactSizeIterator<Item = &'a i64> + Clone) -> Result<ArrayRef> {
        Ok(Arc::new(states.copied().collect::<Int64Array>()))
    }

    fn encode(&self, state: &i64, bytes: &mut Vec<u8>) {
        put_i64(bytes, *state);
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<i64> {
        bytes.i64()
    }
}

//! AVG: the mean as DOUBLE. Whole numbers are added up exactly; the mean of no values is 0, as in
//! ksqlDB.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, all_values, is_number};
use super::number::{Summand, own_or_double};
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, put_i64};

pub(super) static AVG: Function = Function {
    name: "AVG",
    description: "The mean of the values, as DOUBLE.",
    signatures: &["(value INTEGER)", "(value BIGINT)", "(value DOUBLE)", "(value DECIMAL)"],
    example: "SELECT sensor, AVG(temperature) FROM readings GROUP BY sensor",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [number] if is_number(number) => Ok(DataType::Float64),
        _ => Err(Mismatch::Arguments),
    },
    create: |call| accumulator(call.arguments.first()),
};

fn accumulator(argument: Option<&DataType>) -> Result<Box<dyn Accumulator>> {
    Ok(match argument {
        Some(DataType::Int32) => Folded::boxed(Average::<Int32Type>(PhantomData)),
        Some(DataType::Int64) => Folded::boxed(Average::<Int64Type>(PhantomData)),
        Some(DataType::Float64 | DataType::Decimal128(..) | DataType::Decimal256(..)) => {
            Folded::boxed(Average::<Float64Type>(PhantomData))
        }
        other => return Err(Error::internal(format!("there is no average of {other:?}"))),
    })
}

struct Average<T: Summand>(PhantomData<fn() -> T>);

#[derive(Clone, Copy, Default)]
struct Mean<S> {
    sum: S,
    count: i64,
}

impl<T: Summand> Fold for Average<T> {
    type State = Mean<T::Sum>;
    type Columns<'a> = PrimitiveArray<T>;
    const OWNS_MEMORY: bool = false;

    fn columns(&self, columns: &[ArrayRef]) -> Result<PrimitiveArray<T>> {
        own_or_double(columns)
    }

    fn add(&self, state: &mut Self::State, column: &PrimitiveArray<T>, row: usize, _: u64) -> Result<()> {
        if column.is_valid(row) {
            state.sum = T::plus(state.sum, column.value(row));
            state.count += 1;
        }
        Ok(())
    }

    fn retract(&self, state: &mut Self::State, column: &PrimitiveArray<T>, row: usize) -> Result<()> {
        if column.is_valid(row) {
            state.sum = T::minus(state.sum, column.value(row));
            state.count -= 1;
        }
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        into.sum = T::merged(into.sum, from.sum);
        into.count += from.count;
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Self::State> + Clone,
    ) -> Result<ArrayRef> {
        let mean = |state: &Self::State| match state.count {
            0 => 0.0,
            count => T::sum_as_f64(state.sum) / count as f64,
        };
        Ok(Arc::new(Float64Array::from_iter_values(states.map(mean))))
    }

    fn encode(&self, state: &Self::State, bytes: &mut Vec<u8>) {
        T::put_sum(state.sum, bytes);
        put_i64(bytes, state.count);
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Self::State> {
        Ok(Mean { sum: T::read_sum(bytes)?, count: bytes.i64()? })
    }
}

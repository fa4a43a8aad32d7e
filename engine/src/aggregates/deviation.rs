//! STDDEV_SAMPLE: the standard deviation of a sample. STDDEV_SAMP is older and gives its square, the
//! variance; ksqlDB has kept both as they are, and so do we.
//!
//! The squares are added up by the updating formula of Youngs and Cramer (1971): each value adds
//! (n·x − Σ)² / (n·(n − 1)), which does not lose digits as Σx² − (Σx)²/n would.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::scalar::ScalarValue;

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, Resolved, all_values, is_number};
use super::number::{Stored, Summand, own_or_double};
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, put_i64};

const SIGNATURES: [&str; 4] = ["(value INTEGER)", "(value BIGINT)", "(value DOUBLE)", "(value DECIMAL)"];

pub(super) static STDDEV_SAMPLE: Function = Function {
    name: "STDDEV_SAMPLE",
    description: "The standard deviation of the values as a sample; 0 for fewer than two.",
    signatures: &SIGNATURES,
    example: "SELECT sensor, STDDEV_SAMPLE(temperature) FROM readings GROUP BY sensor",
    retractable: true,
    values: all_values,
    resolve,
    create: |call| accumulator(call.arguments.first(), f64::sqrt),
};

pub(super) static STDDEV_SAMP: Function = Function {
    name: "STDDEV_SAMP",
    description: "The variance of the values as a sample, under its historical name; see STDDEV_SAMPLE.",
    signatures: &SIGNATURES,
    example: "SELECT sensor, STDDEV_SAMP(temperature) FROM readings GROUP BY sensor",
    retractable: true,
    values: all_values,
    resolve,
    create: |call| accumulator(call.arguments.first(), |variance| variance),
};

fn resolve(arguments: &[DataType], _: &[Option<ScalarValue>]) -> Resolved {
    match arguments {
        [number] if is_number(number) => Ok(DataType::Float64),
        _ => Err(Mismatch::Arguments),
    }
}

fn accumulator(argument: Option<&DataType>, result: fn(f64) -> f64) -> Result<Box<dyn Accumulator>> {
    Ok(match argument {
        Some(DataType::Int32) => Folded::boxed(Deviation::<Int32Type> { result, number: PhantomData }),
        Some(DataType::Int64) => Folded::boxed(Deviation::<Int64Type> { result, number: PhantomData }),
        Some(DataType::Float64 | DataType::Decimal128(..) | DataType::Decimal256(..)) => {
            Folded::boxed(Deviation::<Float64Type> { result, number: PhantomData })
        }
        other => return Err(Error::internal(format!("there is no deviation of {other:?}"))),
    })
}

struct Deviation<T> {
    /// From the variance to the result.
    result: fn(f64) -> f64,
    number: PhantomData<fn() -> T>,
}

/// Count, sum, and sum of the squared distances from the mean.
#[derive(Clone, Copy, Default)]
struct Moments<S> {
    count: i64,
    sum: S,
    squares: f64,
}

impl<T: Summand> Deviation<T> {
    /// What a value adds to the squares of values that it is one of.
    fn square(moments: &Moments<T::Sum>, value: T::Native) -> f64 {
        if moments.count < 2 {
            return 0.0;
        }
        let count = moments.count as f64;
        let distance = count * T::as_f64(value) - T::sum_as_f64(moments.sum);
        distance * distance / (count * (count - 1.0))
    }
}

impl<T: Summand> Fold for Deviation<T> {
    type State = Moments<T::Sum>;
    type Columns<'a> = PrimitiveArray<T>;
    const OWNS_MEMORY: bool = false;

    fn columns(&self, columns: &[ArrayRef]) -> Result<PrimitiveArray<T>> {
        own_or_double(columns)
    }

    fn add(&self, state: &mut Self::State, column: &PrimitiveArray<T>, row: usize, _: u64) -> Result<()> {
        if column.is_valid(row) {
            let value = column.value(row);
            state.count += 1;
            state.sum = T::plus(state.sum, value);
            state.squares += Self::square(state, value);
        }
        Ok(())
    }

    fn retract(&self, state: &mut Self::State, column: &PrimitiveArray<T>, row: usize) -> Result<()> {
        if column.is_valid(row) {
            let value = column.value(row);
            state.squares -= Self::square(state, value);
            state.sum = T::minus(state.sum, value);
            state.count -= 1;
        }
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        if into.count > 0 && from.count > 0 {
            let (left, right) = (into.count as f64, from.count as f64);
            let distance = right * T::sum_as_f64(into.sum) - left * T::sum_as_f64(from.sum);
            into.squares += distance * distance / (left * right * (left + right));
        }
        into.squares += from.squares;
        into.sum = T::merged(into.sum, from.sum);
        into.count += from.count;
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Self::State> + Clone,
    ) -> Result<ArrayRef> {
        let deviation = |state: &Self::State| {
            if state.count < 2 { 0.0 } else { (self.result)(state.squares / (state.count - 1) as f64) }
        };
        Ok(Arc::new(Float64Array::from_iter_values(states.map(deviation))))
    }

    fn encode(&self, state: &Self::State, bytes: &mut Vec<u8>) {
        put_i64(bytes, state.count);
        T::put_sum(state.sum, bytes);
        Float64Type::put(state.squares, bytes);
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Self::State> {
        Ok(Moments { count: bytes.i64()?, sum: T::read_sum(bytes)?, squares: Float64Type::read(bytes)? })
    }
}

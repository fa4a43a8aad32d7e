//! MIN and MAX over every type with an order. They cannot take a value back: what would be next is
//! not kept.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray, BinaryArray, PrimitiveArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMillisecondType,
};

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, Resolved, ResolvedCall, all_values, is_ordered};
use super::number::{Stored, primitive, wrong_argument};
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, damaged, put_bytes};

const SIGNATURES: [&str; 9] = [
    "(value INTEGER)",
    "(value BIGINT)",
    "(value DOUBLE)",
    "(value DECIMAL)",
    "(value STRING)",
    "(value BYTES)",
    "(value DATE)",
    "(value TIME)",
    "(value TIMESTAMP)",
];

pub(super) static MIN: Function = Function {
    name: "MIN",
    description: "The smallest value.",
    signatures: &SIGNATURES,
    example: "SELECT sensor, MIN(temperature) FROM readings GROUP BY sensor",
    retractable: false,
    values: all_values,
    resolve,
    create: |call| accumulator(call, Ordering::Less),
};

pub(super) static MAX: Function = Function {
    name: "MAX",
    description: "The greatest value.",
    signatures: &SIGNATURES,
    example: "SELECT sensor, MAX(temperature) FROM readings GROUP BY sensor",
    retractable: false,
    values: all_values,
    resolve,
    create: |call| accumulator(call, Ordering::Greater),
};

fn resolve(arguments: &[DataType], _: &[Option<datafusion::scalar::ScalarValue>]) -> Resolved {
    match arguments {
        [value] if is_ordered(value) => Ok(value.clone()),
        _ => Err(Mismatch::Arguments),
    }
}

fn accumulator(call: &ResolvedCall, wanted: Ordering) -> Result<Box<dyn Accumulator>> {
    let data_type = &call.return_type;
    Ok(match data_type {
        DataType::Int32 => Extreme::<Int32Type>::boxed(data_type, wanted),
        DataType::Int64 => Extreme::<Int64Type>::boxed(data_type, wanted),
        DataType::Float64 => Extreme::<Float64Type>::boxed(data_type, wanted),
        DataType::Decimal128(..) => Extreme::<Decimal128Type>::boxed(data_type, wanted),
        DataType::Decimal256(..) => Extreme::<Decimal256Type>::boxed(data_type, wanted),
        DataType::Date32 => Extreme::<Date32Type>::boxed(data_type, wanted),
        DataType::Time32(TimeUnit::Millisecond) => Extreme::<Time32MillisecondType>::boxed(data_type, wanted),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Extreme::<TimestampMillisecondType>::boxed(data_type, wanted)
        }
        DataType::Utf8 | DataType::Binary => {
            Folded::boxed(ExtremeBytes { text: *data_type == DataType::Utf8, wanted })
        }
        other => return Err(Error::internal(format!("{other} has no order"))),
    })
}

/// The extreme of primitive values.
struct Extreme<T> {
    data_type: DataType,
    wanted: Ordering,
    number: PhantomData<fn() -> T>,
}

impl<T: Stored> Extreme<T> {
    fn boxed(data_type: &DataType, wanted: Ordering) -> Box<dyn Accumulator> {
        Folded::boxed(Extreme::<T> { data_type: data_type.clone(), wanted, number: PhantomData })
    }

    fn offer(&self, state: &mut Option<T::Native>, value: T::Native) {
        if state.is_none_or(|best| value.compare(best) == self.wanted) {
            *state = Some(value);
        }
    }
}

impl<T: Stored> Fold for Extreme<T> {
    type State = Option<T::Native>;
    type Columns<'a> = &'a PrimitiveArray<T>;
    const OWNS_MEMORY: bool = false;

    fn columns<'a>(&self, columns: &'a [ArrayRef]) -> Result<&'a PrimitiveArray<T>> {
        primitive(columns, 0)
    }

    fn add(&self, state: &mut Self::State, column: &&PrimitiveArray<T>, row: usize, _: u64) -> Result<()> {
        if column.is_valid(row) {
            self.offer(state, column.value(row));
        }
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        if let Some(value) = from {
            self.offer(into, value);
        }
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Self::State> + Clone,
    ) -> Result<ArrayRef> {
        let values: PrimitiveArray<T> = states.copied().collect();
        Ok(Arc::new(values.with_data_type(self.data_type.clone())))
    }

    fn encode(&self, state: &Self::State, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(state.is_some()));
        if let Some(value) = state {
            T::put(*value, bytes);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Self::State> {
        Ok(if read_presence(bytes)? { Some(T::read(bytes)?) } else { None })
    }
}

/// The extreme of text (by code points, which is the order of UTF-8's bytes) or bytes.
struct ExtremeBytes {
    text: bool,
    wanted: Ordering,
}

impl Fold for ExtremeBytes {
    type State = Option<Vec<u8>>;
    type Columns<'a> = BinaryArray;
    const OWNS_MEMORY: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<BinaryArray> {
        let column = columns.first().ok_or_else(|| wrong_argument(columns, 0, &DataType::Binary))?;
        match column.data_type() {
            DataType::Binary => Ok(column.as_binary().clone()),
            DataType::Utf8 => Ok(cast(column, &DataType::Binary)?.as_binary().clone()),
            _ => Err(wrong_argument(columns, 0, &DataType::Binary)),
        }
    }

    fn add(&self, state: &mut Self::State, column: &BinaryArray, row: usize, _: u64) -> Result<()> {
        if column.is_null(row) {
            return Ok(());
        }
        let value = column.value(row);
        match state {
            None => *state = Some(value.to_vec()),
            Some(best) if value.cmp(&best[..]) == self.wanted => {
                best.clear();
                best.extend_from_slice(value);
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()> {
        let better = match (&into, &from) {
            (Some(best), Some(value)) => value.cmp(best) == self.wanted,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if better {
            *into = from;
        }
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Self::State> + Clone,
    ) -> Result<ArrayRef> {
        let values = BinaryArray::from_iter(states.map(|state| state.as_deref()));
        Ok(if self.text { Arc::new(StringArray::try_from_binary(values)?) } else { Arc::new(values) })
    }

    fn encode(&self, state: &Self::State, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(state.is_some()));
        if let Some(value) = state {
            put_bytes(bytes, value);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Self::State> {
        Ok(if read_presence(bytes)? { Some(bytes.bytes()?.to_vec()) } else { None })
    }

    fn owned_bytes(&self, state: &Self::State) -> usize {
        state.as_ref().map_or(0, Vec::capacity)
    }
}

fn read_presence(bytes: &mut Reader<'_>) -> Result<bool> {
    match bytes.array()? {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(damaged("a mark in it is neither yes nor no")),
    }
}

//! SUM_LIST: the sum over all elements of arrays. Overflow and nulls are as for SUM.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, all_values};
use super::number::wrong_argument;
use super::sum::Addend;
use crate::error::{Error, Result};
use crate::state::encoding::Reader;

pub(super) static SUM_LIST: Function = Function {
    name: "SUM_LIST",
    description: "Adds up all elements of arrays.",
    signatures: &["(list ARRAY<INTEGER>)", "(list ARRAY<BIGINT>)", "(list ARRAY<DOUBLE>)"],
    example: "SELECT basket, SUM_LIST(prices) FROM orders GROUP BY basket",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [DataType::List(element)] => match element.data_type() {
            number @ (DataType::Int32 | DataType::Int64 | DataType::Float64) => Ok(number.clone()),
            _ => Err(Mismatch::Arguments),
        },
        _ => Err(Mismatch::Arguments),
    },
    create: |call| accumulator(&call.return_type),
};

fn accumulator(data_type: &DataType) -> Result<Box<dyn Accumulator>> {
    Ok(match data_type {
        DataType::Int32 => Folded::boxed(SumList::<Int32Type>(PhantomData)),
        DataType::Int64 => Folded::boxed(SumList::<Int64Type>(PhantomData)),
        DataType::Float64 => Folded::boxed(SumList::<Float64Type>(PhantomData)),
        other => return Err(Error::internal(format!("there is no sum of a list of {other}"))),
    })
}

struct SumList<T: Addend>(PhantomData<fn() -> T>);

/// The lists, and all their elements.
type Lists<'a, T> = (&'a ListArray, &'a PrimitiveArray<T>);

impl<T: Addend> SumList<T> {
    fn each((lists, elements): &Lists<'_, T>, row: usize, apply: impl FnMut(T::Native)) {
        if lists.is_null(row) {
            return;
        }
        let [from, to] = [row, row + 1].map(|bound| lists.value_offsets()[bound] as usize);
        (from..to)
            .filter(|element| elements.is_valid(*element))
            .map(|element| elements.value(element))
            .for_each(apply);
    }
}

impl<T: Addend> Fold for SumList<T>
where
    T::Native: Default,
{
    type State = T::Native;
    type Columns<'a> = Lists<'a, T>;
    const OWNS_MEMORY: bool = false;

    fn columns<'a>(&self, columns: &'a [ArrayRef]) -> Result<Lists<'a, T>> {
        columns
            .first()
            .and_then(|column| column.as_list_opt::<i32>())
            .and_then(|lists| Some((lists, lists.values().as_primitive_opt()?)))
            .ok_or_else(|| wrong_argument(columns, 0, &T::DATA_TYPE))
    }

    fn add(&self, state: &mut T::Native, lists: &Lists<'_, T>, row: usize, _: u64) -> Result<()> {
        Self::each(lists, row, |element| *state = T::plus(*state, element));
        Ok(())
    }

    fn retract(&self, state: &mut T::Native, lists: &Lists<'_, T>, row: usize) -> Result<()> {
        Self::each(lists, row, |element| *state = T::minus(*state, element));
        Ok(())
    }

    fn merge(&self, into: &mut T::Native, from: T::Native) -> Result<()> {
        *into = T::plus(*into, from);
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a T::Native> + Clone,
    ) -> Result<ArrayRef> {
        Ok(Arc::new(PrimitiveArray::<T>::from_iter_values(states.copied())))
    }

    fn encode(&self, state: &T::Native, bytes: &mut Vec<u8>) {
        T::put(*state, bytes);
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<T::Native> {
        T::read(bytes)
    }
}

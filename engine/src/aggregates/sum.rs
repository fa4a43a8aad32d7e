//! SUM, in the type of its argument.
//!
//! INTEGER and BIGINT wrap round, as ksqlDB's do; a DECIMAL that no longer fits its precision ends the
//! query, because no result would be true. Nulls are skipped, so the sum of no values is 0.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, all_values, is_number};
use super::number::{Stored, primitive};
use crate::error::{Error, ErrorKind, Result};
use crate::state::encoding::Reader;

pub(super) static SUM: Function = Function {
    name: "SUM",
    description: "Adds up the values.",
    signatures: &["(value INTEGER)", "(value BIGINT)", "(value DOUBLE)", "(value DECIMAL)"],
    example: "SELECT account, SUM(amount) FROM payments GROUP BY account",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [number] if is_number(number) => Ok(number.clone()),
        _ => Err(Mismatch::Arguments),
    },
    create: |call| accumulator(&call.return_type),
};

fn accumulator(data_type: &DataType) -> Result<Box<dyn Accumulator>> {
    Ok(match data_type {
        DataType::Int32 => Folded::boxed(Sum::<Int32Type, OneEach>::new(data_type)),
        DataType::Int64 => Folded::boxed(Sum::<Int64Type, OneEach>::new(data_type)),
        DataType::Float64 => Folded::boxed(Sum::<Float64Type, OneEach>::new(data_type)),
        DataType::Decimal128(..) => Folded::boxed(Sum::<Decimal128Type, OneEach>::new(data_type)),
        other => return Err(Error::internal(format!("there is no sum of {other}"))),
    })
}

/// Numbers that add up in their own type.
pub(super) trait Addend: Stored {
    /// The sum, or `None` where the type has no such number.
    fn plus(left: Self::Native, right: Self::Native, bound: Self::Native) -> Option<Self::Native>;
    /// The difference, or `None` where the type has no such number.
    fn minus(left: Self::Native, right: Self::Native, bound: Self::Native) -> Option<Self::Native>;
    /// The first number too large for a type; whatever, where there is no such bound.
    fn bound(data_type: &DataType) -> Self::Native;
}

impl Addend for Int32Type {
    fn plus(left: i32, right: i32, _: i32) -> Option<i32> {
        Some(left.wrapping_add(right))
    }

    fn minus(left: i32, right: i32, _: i32) -> Option<i32> {
        Some(left.wrapping_sub(right))
    }

    fn bound(_: &DataType) -> i32 {
        0
    }
}

impl Addend for Int64Type {
    fn plus(left: i64, right: i64, _: i64) -> Option<i64> {
        Some(left.wrapping_add(right))
    }

    fn minus(left: i64, right: i64, _: i64) -> Option<i64> {
        Some(left.wrapping_sub(right))
    }

    fn bound(_: &DataType) -> i64 {
        0
    }
}

impl Addend for Float64Type {
    fn plus(left: f64, right: f64, _: f64) -> Option<f64> {
        Some(left + right)
    }

    fn minus(left: f64, right: f64, _: f64) -> Option<f64> {
        Some(left - right)
    }

    fn bound(_: &DataType) -> f64 {
        0.0
    }
}

impl Addend for Decimal128Type {
    fn plus(left: i128, right: i128, bound: i128) -> Option<i128> {
        left.checked_add(right).filter(|sum| -bound < *sum && *sum < bound)
    }

    fn minus(left: i128, right: i128, bound: i128) -> Option<i128> {
        left.checked_sub(right).filter(|difference| -bound < *difference && *difference < bound)
    }

    fn bound(data_type: &DataType) -> i128 {
        match data_type {
            DataType::Decimal128(precision, _) => {
                10_i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX)
            }
            _ => i128::MAX,
        }
    }
}

/// The numbers that rows of an argument bring to a sum.
pub(super) trait Numbers<T: Addend> {
    /// The argument of a batch.
    type Columns<'a>;

    /// The argument among the columns of a batch.
    ///
    /// # Errors
    /// Internal: it is of another type.
    fn columns<'a>(columns: &'a [ArrayRef]) -> Result<Self::Columns<'a>>;

    /// Applies a change for each number of a row.
    ///
    /// # Errors
    /// Those of the change.
    fn each(
        columns: &Self::Columns<'_>,
        row: usize,
        apply: impl FnMut(T::Native) -> Result<()>,
    ) -> Result<()>;
}

/// One number a row; NULL is none.
struct OneEach;

impl<T: Addend> Numbers<T> for OneEach {
    type Columns<'a> = &'a PrimitiveArray<T>;

    fn columns<'a>(columns: &'a [ArrayRef]) -> Result<&'a PrimitiveArray<T>> {
        primitive(columns, 0)
    }

    fn each(
        column: &&PrimitiveArray<T>,
        row: usize,
        mut apply: impl FnMut(T::Native) -> Result<()>,
    ) -> Result<()> {
        if column.is_valid(row) { apply(column.value(row)) } else { Ok(()) }
    }
}

/// The sum of all numbers of a type.
pub(super) struct Sum<T: Addend, N> {
    data_type: DataType,
    bound: T::Native,
    numbers: PhantomData<fn() -> N>,
}

impl<T: Addend, N> Sum<T, N> {
    pub(super) fn new(data_type: &DataType) -> Sum<T, N> {
        Sum { data_type: data_type.clone(), bound: T::bound(data_type), numbers: PhantomData }
    }

    fn add_to(&self, sum: &mut T::Native, number: T::Native) -> Result<()> {
        *sum = T::plus(*sum, number, self.bound).ok_or_else(|| self.overflow())?;
        Ok(())
    }

    #[cold]
    fn overflow(&self) -> Error {
        let message = format!("Numeric field overflow: a sum does not fit {}", self.data_type);
        Error::new(ErrorKind::Evaluation, message)
            .with_hint("cast the argument to a DECIMAL of greater precision")
    }
}

impl<T: Addend, N: Numbers<T>> Fold for Sum<T, N>
where
    T::Native: Default,
{
    type State = T::Native;
    type Columns<'a> = N::Columns<'a>;
    const OWNS_MEMORY: bool = false;

    fn columns<'a>(&self, columns: &'a [ArrayRef]) -> Result<N::Columns<'a>> {
        N::columns(columns)
    }

    fn add(&self, state: &mut T::Native, columns: &N::Columns<'_>, row: usize, _: u64) -> Result<()> {
        N::each(columns, row, |number| self.add_to(state, number))
    }

    fn retract(&self, state: &mut T::Native, columns: &N::Columns<'_>, row: usize) -> Result<()> {
        N::each(columns, row, |number| {
            *state = T::minus(*state, number, self.bound).ok_or_else(|| self.overflow())?;
            Ok(())
        })
    }

    fn merge(&self, into: &mut T::Native, from: T::Native) -> Result<()> {
        self.add_to(into, from)
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a T::Native> + Clone,
    ) -> Result<ArrayRef> {
        let sums = PrimitiveArray::<T>::from_iter_values(states.copied());
        Ok(Arc::new(sums.with_data_type(self.data_type.clone())))
    }

    fn encode(&self, state: &T::Native, bytes: &mut Vec<u8>) {
        T::put(*state, bytes);
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<T::Native> {
        T::read(bytes)
    }
}

//! SUM, in the type of its argument.
//!
//! INTEGER and BIGINT wrap round, as ksqlDB's do. A DECIMAL is added up beyond its precision, but has no
//! result while it does not fit: it is NULL then, or ends the query where ksqlDB's behaviour is asked for.
//! Nulls are skipped, so the sum of no values is 0.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type, i256};

use super::accumulator::{Accumulator, Fold, Folded};
use super::function::{Function, Mismatch, ResolvedCall, all_values, is_number, type_name};
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
    create: accumulator,
};

fn accumulator(call: &ResolvedCall) -> Result<Box<dyn Accumulator>> {
    Ok(match &call.return_type {
        DataType::Int32 => Folded::boxed(Sum::<Int32Type>::new(call)),
        DataType::Int64 => Folded::boxed(Sum::<Int64Type>::new(call)),
        DataType::Float64 => Folded::boxed(Sum::<Float64Type>::new(call)),
        DataType::Decimal128(..) => Folded::boxed(Sum::<Decimal128Type>::new(call)),
        DataType::Decimal256(..) => Folded::boxed(Sum::<Decimal256Type>::new(call)),
        other => return Err(Error::internal(format!("there is no sum of {other}"))),
    })
}

/// Numbers that add up in their own type.
pub(super) trait Addend: Stored {
    /// Whether every sum is a number of every type of these numbers.
    const ALWAYS_FITS: bool;
    /// The sum.
    fn plus(left: Self::Native, right: Self::Native) -> Self::Native;
    /// The difference.
    fn minus(left: Self::Native, right: Self::Native) -> Self::Native;
    /// The first number too large for a type; whatever, where there is no such bound.
    fn bound(data_type: &DataType) -> Self::Native;
    /// Whether a sum is a number of a type with that bound.
    fn fits(sum: Self::Native, bound: Self::Native) -> bool;
}

macro_rules! always_fits {
    ($($arrow:ty => $native:ty, $plus:expr, $minus:expr, $zero:literal);* $(;)?) => {$(
        impl Addend for $arrow {
            const ALWAYS_FITS: bool = true;

            fn plus(left: $native, right: $native) -> $native {
                $plus(left, right)
            }

            fn minus(left: $native, right: $native) -> $native {
                $minus(left, right)
            }

            fn bound(_: &DataType) -> $native {
                $zero
            }

            fn fits(_: $native, _: $native) -> bool {
                true
            }
        }
    )*};
}

always_fits! {
    Int32Type => i32, i32::wrapping_add, i32::wrapping_sub, 0;
    Int64Type => i64, i64::wrapping_add, i64::wrapping_sub, 0;
    Float64Type => f64, std::ops::Add::add, std::ops::Sub::sub, 0.0;
}

macro_rules! fits_or_not {
    ($($arrow:ty => $native:ty, $decimal:pat => $precision:ident);* $(;)?) => {$(
        impl Addend for $arrow {
            const ALWAYS_FITS: bool = false;

            fn plus(left: $native, right: $native) -> $native {
                let sum = if is_lost(left) || is_lost(right) { None } else { left.checked_add(right) };
                sum.unwrap_or(<$native>::MIN)
            }

            fn minus(left: $native, right: $native) -> $native {
                let sum = if is_lost(left) || is_lost(right) { None } else { left.checked_sub(right) };
                sum.unwrap_or(<$native>::MIN)
            }

            fn bound(data_type: &DataType) -> $native {
                let power = match data_type {
                    $decimal => <$native>::from(10_i8).checked_pow(u32::from(*$precision)),
                    _ => None,
                };
                power.unwrap_or(<$native>::MAX)
            }

            fn fits(sum: $native, bound: $native) -> bool {
                bound.wrapping_neg() < sum && sum < bound
            }
        }
    )*};
}

fits_or_not! {
    Decimal128Type => i128, DataType::Decimal128(precision, _) => precision;
    Decimal256Type => i256, DataType::Decimal256(precision, _) => precision;
}

/// Whether a sum was beyond all numbers of its width once, for which the smallest of them stands: nothing
/// brings it back.
fn is_lost<N: ArrowNativeTypeOp>(sum: N) -> bool {
    sum.is_eq(N::MIN_TOTAL_ORDER)
}

struct Sum<T: Addend> {
    data_type: DataType,
    bound: T::Native,
    overflow_ends_query: bool,
    number: PhantomData<fn() -> T>,
}

impl<T: Addend> Sum<T> {
    fn new(call: &ResolvedCall) -> Sum<T> {
        let data_type = call.return_type.clone();
        let bound = T::bound(&data_type);
        Sum { data_type, bound, overflow_ends_query: call.overflow_ends_query, number: PhantomData }
    }

    fn check(&self, sum: T::Native) -> Result<()> {
        if T::fits(sum, self.bound) || !self.overflow_ends_query {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Evaluation, self.overflow())
            .with_hint("cast the argument to a DECIMAL of greater precision"))
    }

    fn overflow(&self) -> String {
        let data_type = type_name(&self.data_type);
        format!("Numeric field overflow: a sum does not fit {data_type}")
    }
}

impl<T: Addend> Fold for Sum<T>
where
    T::Native: Default,
{
    type State = T::Native;
    type Columns<'a> = &'a PrimitiveArray<T>;
    const OWNS_MEMORY: bool = false;
    const MAY_LACK_RESULT: bool = !T::ALWAYS_FITS;

    fn columns<'a>(&self, columns: &'a [ArrayRef]) -> Result<&'a PrimitiveArray<T>> {
        primitive(columns, 0)
    }

    fn add(&self, state: &mut T::Native, column: &&PrimitiveArray<T>, row: usize, _: u64) -> Result<()> {
        if column.is_null(row) {
            return Ok(());
        }
        *state = T::plus(*state, column.value(row));
        self.check(*state)
    }

    fn retract(&self, state: &mut T::Native, column: &&PrimitiveArray<T>, row: usize) -> Result<()> {
        if column.is_null(row) {
            return Ok(());
        }
        *state = T::minus(*state, column.value(row));
        self.check(*state)
    }

    fn merge(&self, into: &mut T::Native, from: T::Native) -> Result<()> {
        *into = T::plus(*into, from);
        self.check(*into)
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a T::Native> + Clone,
    ) -> Result<ArrayRef> {
        let sums: PrimitiveArray<T> = if T::ALWAYS_FITS {
            PrimitiveArray::from_iter_values(states.copied())
        } else {
            states.map(|sum| T::fits(*sum, self.bound).then_some(*sum)).collect()
        };
        Ok(Arc::new(sums.with_data_type(self.data_type.clone())))
    }

    fn lacks_result(&self, state: &T::Native) -> Option<String> {
        (!T::fits(*state, self.bound)).then(|| format!("{}, and is NULL", self.overflow()))
    }

    fn encode(&self, state: &T::Native, bytes: &mut Vec<u8>) {
        T::put(*state, bytes);
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<T::Native> {
        T::read(bytes)
    }
}

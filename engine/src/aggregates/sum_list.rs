//! SUM_LIST: the sum over all elements of arrays. Overflow and nulls are as for SUM.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};

use super::accumulator::{Accumulator, Folded};
use super::function::{Function, Mismatch, all_values};
use super::number::wrong_argument;
use super::sum::{Addend, Numbers, Sum};
use crate::error::{Error, Result};

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
        DataType::Int32 => Folded::boxed(Sum::<Int32Type, Elements>::new(data_type)),
        DataType::Int64 => Folded::boxed(Sum::<Int64Type, Elements>::new(data_type)),
        DataType::Float64 => Folded::boxed(Sum::<Float64Type, Elements>::new(data_type)),
        other => return Err(Error::internal(format!("there is no sum of a list of {other}"))),
    })
}

/// All elements of a row's list.
struct Elements;

impl<T: Addend> Numbers<T> for Elements {
    /// The lists, and the elements of all of them.
    type Columns<'a> = (&'a ListArray, &'a PrimitiveArray<T>);

    fn columns<'a>(columns: &'a [ArrayRef]) -> Result<Self::Columns<'a>> {
        columns
            .first()
            .and_then(|column| column.as_list_opt::<i32>())
            .and_then(|lists| Some((lists, lists.values().as_primitive_opt()?)))
            .ok_or_else(|| wrong_argument(columns, 0, &T::DATA_TYPE))
    }

    fn each(
        (lists, elements): &Self::Columns<'_>,
        row: usize,
        apply: impl FnMut(T::Native) -> Result<()>,
    ) -> Result<()> {
        if lists.is_null(row) {
            return Ok(());
        }
        let [from, to] = [row, row + 1].map(|bound| lists.value_offsets()[bound] as usize);
        let present = (from..to).filter(|element| elements.is_valid(*element));
        present.map(|element| elements.value(element)).try_for_each(apply)
    }
}

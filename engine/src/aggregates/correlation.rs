//! CORRELATION: Pearson's coefficient of two columns. Rows with a null on either side are skipped;
//! without at least two different points there is none, which is NaN.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Float64Type};

use super::accumulator::{Fold, Folded};
use super::function::{Function, Mismatch, all_values, is_number};
use super::number::{Stored, doubles};
use crate::error::Result;
use crate::state::encoding::{Reader, put_i64};

pub(super) static CORRELATION: Function = Function {
    name: "CORRELATION",
    description: "Pearson's correlation coefficient of two columns, from -1 to 1.",
    signatures: &["(x INTEGER, y INTEGER)", "(x BIGINT, y BIGINT)", "(x DOUBLE, y DOUBLE)"],
    example: "SELECT shop, CORRELATION(price, quantity) FROM orders GROUP BY shop",
    retractable: true,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [x, y] if is_number(x) && is_number(y) => Ok(DataType::Float64),
        _ => Err(Mismatch::Arguments),
    },
    create: |_| Ok(Folded::boxed(Correlation)),
};

struct Correlation;

/// Count, and the sums of the coordinates, their squares and their products.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: i64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    fn of(x: f64, y: f64) -> Sums {
        Sums { count: 1, x, y, xx: x * x, yy: y * y, xy: x * y }
    }

    fn change(&mut self, by: Sums, sign: i64) {
        let factor = sign as f64;
        self.count += sign * by.count;
        self.x += factor * by.x;
        self.y += factor * by.y;
        self.xx += factor * by.xx;
        self.yy += factor * by.yy;
        self.xy += factor * by.xy;
    }

    fn coefficient(&self) -> f64 {
        let count = self.count as f64;
        let spread = |sum: f64, squares: f64| count * squares - sum * sum;
        (count * self.xy - self.x * self.y) / (spread(self.x, self.xx) * spread(self.y, self.yy)).sqrt()
    }
}

impl Fold for Correlation {
    type State = Sums;
    type Columns<'a> = (Float64Array, Float64Array);
    const OWNS_MEMORY: bool = false;

    fn columns(&self, columns: &[ArrayRef]) -> Result<(Float64Array, Float64Array)> {
        Ok((doubles(columns, 0)?, doubles(columns, 1)?))
    }

    fn add(&self, state: &mut Sums, (x, y): &Self::Columns<'_>, row: usize, _: u64) -> Result<()> {
        if x.is_valid(row) && y.is_valid(row) {
            state.change(Sums::of(x.value(row), y.value(row)), 1);
        }
        Ok(())
    }

    fn retract(&self, state: &mut Sums, (x, y): &Self::Columns<'_>, row: usize) -> Result<()> {
        if x.is_valid(row) && y.is_valid(row) {
            state.change(Sums::of(x.value(row), y.value(row)), -1);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Sums, from: Sums) -> Result<()> {
        into.change(from, 1);
        Ok(())
    }

    fn evaluate<'a>(&'a self, states: impl ExactSizeIterator<Item = &'a Sums> + Clone) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from_iter_values(states.map(Sums::coefficient))))
    }

    fn encode(&self, state: &Sums, bytes: &mut Vec<u8>) {
        put_i64(bytes, state.count);
        for sum in [state.x, state.y, state.xx, state.yy, state.xy] {
            Float64Type::put(sum, bytes);
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Sums> {
        let count = bytes.i64()?;
        let mut sum = || Float64Type::read(bytes);
        Ok(Sums { count, x: sum()?, y: sum()?, xx: sum()?, yy: sum()?, xy: sum()? })
    }
}

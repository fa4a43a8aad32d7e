//! COUNT_DISTINCT: how many different values there are; nulls do not count.
//!
//! Up to [`EXACT_MAX`] values are counted exactly, by their hashes. Beyond that the hashes go into a
//! HyperLogLog of 2^13 registers, whose estimate is off by about 1 % (1.04 / √8192), so that a group
//! never takes more than [`REGISTERS`] bytes. The estimate is the one of Ertl (New cardinality
//! estimation algorithms for HyperLogLog sketches, 2017), which needs no correction tables.
//!
//! Hashes are kept on disk, so the hash is a fixed one: XXH64 with seed 0 over the encoded value.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use arrow::row::Rows;
use twox_hash::XxHash64;

use super::accumulator::{Fold, Folded};
use super::function::{Function, Mismatch, all_values};
use super::values::Values;
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, damaged, put_varint};

/// As many hashes as take the memory of the registers.
const EXACT_MAX: usize = REGISTERS / size_of::<u64>();
const REGISTERS: usize = 1 << REGISTER_BITS;
const REGISTER_BITS: u32 = 13;
/// The greatest rank: all bits behind those that choose the register are zero.
const RANK_MAX: u8 = (64 - REGISTER_BITS + 1) as u8;

const EXACT: u8 = 0;
const SKETCH: u8 = 1;

pub(super) static COUNT_DISTINCT: Function = Function {
    name: "COUNT_DISTINCT",
    description: "How many different values there are: exact up to 1024, then within about 1 %.",
    signatures: &["(value)"],
    example: "SELECT page, COUNT_DISTINCT(visitor) FROM views GROUP BY page",
    retractable: false,
    values: all_values,
    resolve: |arguments, _| match arguments {
        [_] => Ok(DataType::Int64),
        _ => Err(Mismatch::Arguments),
    },
    create: |call| {
        let value = call.arguments.first().ok_or_else(|| Error::internal("a count of no argument"))?;
        Ok(Folded::boxed(CountDistinct { values: Values::new(value)? }))
    },
};

struct CountDistinct {
    values: Values,
}

/// The different values of a group.
#[derive(Clone, PartialEq, Debug)]
enum Distinct {
    /// Their hashes, sorted.
    Exact(Vec<u64>),
    /// The greatest rank seen by each register.
    Sketch(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct::Exact(Vec::new())
    }
}

impl Distinct {
    fn insert(&mut self, hash: u64) {
        match self {
            Distinct::Exact(hashes) => {
                let Err(place) = hashes.binary_search(&hash) else { return };
                if hashes.len() < EXACT_MAX {
                    hashes.insert(place, hash);
                    return;
                }
                let mut sketch = Box::new([0; REGISTERS]);
                for hash in hashes.iter().chain([&hash]) {
                    note(&mut sketch, *hash);
                }
                *self = Distinct::Sketch(sketch);
            }
            Distinct::Sketch(registers) => note(registers, hash),
        }
    }

    fn merge(&mut self, other: Distinct) {
        match (&mut *self, other) {
            (_, Distinct::Exact(hashes)) => hashes.into_iter().for_each(|hash| self.insert(hash)),
            (Distinct::Sketch(registers), Distinct::Sketch(others)) => {
                for (register, other) in registers.iter_mut().zip(others.iter()) {
                    *register = (*register).max(*other);
                }
            }
            (Distinct::Exact(hashes), mut sketch @ Distinct::Sketch(_)) => {
                hashes.iter().for_each(|hash| sketch.insert(*hash));
                *self = sketch;
            }
        }
    }

    fn count(&self) -> i64 {
        match self {
            Distinct::Exact(hashes) => hashes.len() as i64,
            Distinct::Sketch(registers) => estimate(registers),
        }
    }
}

fn note(registers: &mut [u8; REGISTERS], hash: u64) {
    let register = (hash >> (64 - REGISTER_BITS)) as usize;
    // A one behind the bits that are left ends the zeros when all of them are zero.
    let rank = ((hash << REGISTER_BITS) | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
    registers[register] = registers[register].max(rank);
}

fn estimate(registers: &[u8; REGISTERS]) -> i64 {
    let m = REGISTERS as f64;
    let mut with_rank = [0_u32; RANK_MAX as usize + 1];
    for rank in registers {
        with_rank[usize::from((*rank).min(RANK_MAX))] += 1;
    }
    let share = |rank: u8| f64::from(with_rank[usize::from(rank)]);
    let mut z = m * tau(1.0 - share(RANK_MAX) / m);
    for rank in (1..RANK_MAX).rev() {
        z = 0.5 * (z + share(rank));
    }
    z += m * sigma(share(0) / m);
    (m * m / (2.0 * std::f64::consts::LN_2 * z)).round() as i64
}

/// Σ x^(2^k) · 2^(k-1) over k ≥ 0, plus x: the registers that saw nothing.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum <= before {
            return sum;
        }
    }
}

/// The registers that saw the greatest rank.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x).powi(2) * y;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

impl Fold for CountDistinct {
    type State = Distinct;
    type Columns<'a> = Rows;
    const OWNS_MEMORY: bool = true;

    fn columns(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.values.encode(columns, 0)
    }

    fn add(&self, state: &mut Distinct, rows: &Rows, row: usize, _: u64) -> Result<()> {
        let value = rows.row(row).data();
        if value != self.values.null() {
            state.insert(XxHash64::oneshot(0, value));
        }
        Ok(())
    }

    fn merge(&self, into: &mut Distinct, from: Distinct) -> Result<()> {
        into.merge(from);
        Ok(())
    }

    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Distinct> + Clone,
    ) -> Result<ArrayRef> {
        Ok(Arc::new(states.map(Distinct::count).collect::<Int64Array>()))
    }

    fn encode(&self, state: &Distinct, bytes: &mut Vec<u8>) {
        match state {
            Distinct::Exact(hashes) => {
                bytes.push(EXACT);
                put_varint(bytes, hashes.len() as u64);
                hashes.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_be_bytes()));
            }
            Distinct::Sketch(registers) => {
                bytes.push(SKETCH);
                bytes.extend_from_slice(&registers[..]);
            }
        }
    }

    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Distinct> {
        match bytes.array()? {
            [EXACT] => {
                let mut state = Distinct::default();
                for _ in 0..bytes.count()? {
                    state.insert(u64::from_be_bytes(bytes.array()?));
                }
                Ok(state)
            }
            [SKETCH] => Ok(Distinct::Sketch(Box::new(bytes.array()?))),
            [_] => Err(damaged("a count of distinct values in it has another form")),
        }
    }

    fn owned_bytes(&self, state: &Distinct) -> usize {
        match state {
            Distinct::Exact(hashes) => hashes.capacity() * size_of::<u64>(),
            Distinct::Sketch(_) => REGISTERS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: std::ops::Range<u64>) -> Distinct {
        let mut distinct = Distinct::default();
        values.for_each(|value| distinct.insert(XxHash64::oneshot(0, &value.to_be_bytes())));
        distinct
    }

    #[test]
    fn few_values_are_counted_exactly_and_many_closely() {
        assert_eq!(of(0..EXACT_MAX as u64).count(), EXACT_MAX as i64);
        for count in [2_000, 20_000, 50_000, 1_000_000] {
            let estimate = of(0..count).count();
            let error = (estimate - count as i64).abs() as f64 / count as f64;
            assert!(error < 0.04, "{count} values were estimated as {estimate}");
        }
    }

    #[test]
    fn merging_counts_common_values_once() {
        for (left, right) in [(0..100, 50..200), (0..5_000, 4_000..4_500), (0..10, 0..9_000)] {
            let mut merged = of(left.clone());
            merged.merge(of(right.clone()));
            assert_eq!(merged, of(left.start.min(right.start)..left.end.max(right.end)));
        }
    }
}

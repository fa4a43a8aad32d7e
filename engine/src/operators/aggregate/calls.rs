//! The calls of an aggregation: their accumulators and where their arguments come from.

use std::ops::Range;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use tidemill_sql::lookup::{AggregateFunction as _, SourceKind};

use super::{AggregateSpec, CallSpec, Overflow};
use crate::aggregates::{self, Accumulator, Changes, ResolvedCall, Trouble};
use crate::error::{Error, ErrorKind, Result};
use crate::operators::{Dropped, Report, keep_report};
use crate::state::encoding::{Reader, damaged, put_varint};

/// The most chunks that the state of a group may name. There is one for some kilobytes of it, or as many
/// more as lost nearly all of their values.
const CHUNKS_MAX: usize = 1 << 24;

/// Which chunk of a group's state, see [`Accumulator::store_chunks`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::operators) struct ChunkName {
    /// Place of the call.
    pub(in crate::operators) call: u32,
    /// Its number among those of the call.
    pub(in crate::operators) number: u64,
}

/// The accumulators of all calls, with the same slots.
pub(in crate::operators) struct Calls {
    calls: Vec<Call>,
    /// The distinct columns that calls take as values, each made ready once for all of them.
    columns: Vec<usize>,
}

struct Call {
    function: String,
    accumulator: Box<dyn Accumulator>,
    /// Positions among the distinct columns.
    values: Vec<usize>,
}

/// The values of a batch's rows: the distinct columns that calls take.
pub(in crate::operators) struct Values {
    columns: Vec<ArrayRef>,
}

/// Which rows of a batch change which slots.
#[derive(Clone, Copy)]
pub(in crate::operators) struct SlotChanges<'a> {
    /// The slot of each change.
    pub(in crate::operators) slots: &'a [u32],
    /// The row of each change; absent if they are all rows in order.
    pub(in crate::operators) rows: Option<&'a [u32]>,
    /// Which changes take a row back; none if absent.
    pub(in crate::operators) retracted: Option<&'a [bool]>,
    /// Numbers of the changes, where groups merge.
    pub(in crate::operators) sequence: Option<&'a [u64]>,
}

impl Calls {
    /// Of a specification over an input.
    ///
    /// # Errors
    /// `UnknownFunction`, or Internal for arguments that do not fit.
    pub(in crate::operators) fn new(spec: &AggregateSpec) -> Result<Calls> {
        let mut columns: Vec<usize> = Vec::new();
        let mut calls = Vec::with_capacity(spec.calls.len());
        for call in &spec.calls {
            let (accumulator, taken) = accumulator(call, spec)?;
            let mut positions = Vec::with_capacity(taken);
            for column in &call.arguments[..taken] {
                let position = columns.iter().position(|known| known == column).unwrap_or_else(|| {
                    columns.push(*column);
                    columns.len() - 1
                });
                positions.push(position);
            }
            calls.push(Call { function: call.function.clone(), accumulator, values: positions });
        }
        Ok(Calls { calls, columns })
    }

    /// The values of a batch.
    ///
    /// # Errors
    /// Internal: a column that is not there.
    pub(in crate::operators) fn values(&self, batch: &RecordBatch) -> Result<Values> {
        let column = |index: &usize| batch.columns().get(*index).cloned().ok_or_else(|| no_column(*index));
        Ok(Values { columns: self.columns.iter().map(column).collect::<Result<_>>()? })
    }

    /// Makes room for slots.
    pub(in crate::operators) fn resize(&mut self, slots: usize) {
        self.calls.iter_mut().for_each(|call| call.accumulator.resize(slots));
    }

    /// Applies rows to slots, in order.
    ///
    /// # Errors
    /// As [`Accumulator::update`].
    pub(in crate::operators) fn update(&mut self, values: &Values, changes: &SlotChanges<'_>) -> Result<()> {
        let columns = match changes.rows {
            None => values.columns.clone(),
            Some(rows) => {
                let rows = UInt32Array::from_iter_values(rows.iter().copied());
                let taken = values.columns.iter().map(|column| take(column, &rows, None));
                taken.collect::<std::result::Result<_, _>>()?
            }
        };
        let mut arguments: Vec<ArrayRef> = Vec::new();
        for call in &mut self.calls {
            arguments.clear();
            arguments.extend(call.values.iter().map(|position| columns[*position].clone()));
            call.accumulator.update(&Changes {
                slots: changes.slots,
                columns: &arguments,
                retracted: changes.retracted,
                sequence: changes.sequence,
            })?;
        }
        Ok(())
    }

    /// Reports what rows could not do since it was asked last; `time_ms` is that of the latest of them.
    pub(in crate::operators) fn report_troubles(&mut self, time_ms: i64, reports: &mut Vec<Report>) {
        for call in &mut self.calls {
            let Some(Trouble { rows, reason }) = call.accumulator.take_trouble() else { continue };
            let more = if rows > 1 { format!(" ({rows} rows)") } else { String::new() };
            let reason = format!("{}: {reason}{more}", call.function);
            keep_report(reports, || Report::of_row(Dropped::Rejected, time_ms, reason));
        }
    }

    /// Adds to one slot what another one has, and empties that.
    ///
    /// # Errors
    /// As [`Accumulator::merge`].
    pub(in crate::operators) fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.calls.iter_mut().try_for_each(|call| call.accumulator.merge(into, from))
    }

    /// The results of some slots, a column a call.
    ///
    /// # Errors
    /// As [`Accumulator::evaluate`].
    pub(in crate::operators) fn evaluate(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.calls.iter().map(|call| call.accumulator.evaluate(slots)).collect()
    }

    /// Appends the state of a slot to a stored value.
    pub(in crate::operators) fn encode(&self, slot: u32, bytes: &mut Vec<u8>) {
        self.calls.iter().for_each(|call| call.accumulator.encode(slot, bytes));
    }

    /// Replaces the state of a slot by a stored one.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::operators) fn decode(&mut self, slot: u32, bytes: &mut Reader<'_>) -> Result<()> {
        self.calls.iter_mut().try_for_each(|call| call.accumulator.decode(slot, bytes))
    }

    /// Whether the states of some calls are stored in chunks as they grow.
    pub(in crate::operators) fn are_chunked(&self) -> bool {
        self.calls.iter().any(|call| call.accumulator.is_chunked())
    }

    /// Gives out the chunks of a slot that have changed since they were stored; nothing for those that are
    /// gone.
    pub(in crate::operators) fn store_chunks(
        &mut self,
        slot: u32,
        store: &mut dyn FnMut(ChunkName, Option<&[u8]>),
    ) {
        for (call, of_call) in (0..).zip(&mut self.calls) {
            let store = &mut |number, bytes: Option<&[u8]>| store(ChunkName { call, number }, bytes);
            of_call.accumulator.store_chunks(slot, store);
        }
    }

    /// Whether some of a slot's state is stored in chunks.
    pub(in crate::operators) fn has_chunks(&self, slot: u32) -> bool {
        self.calls.iter().any(|call| !call.accumulator.chunk_runs(slot).is_empty())
    }

    /// Appends which chunks a slot has, and what of its state is in none, to a stored value.
    pub(in crate::operators) fn encode_in_parts(&self, slot: u32, bytes: &mut Vec<u8>) {
        for call in &self.calls {
            let runs: Vec<Range<u64>> = call.accumulator.chunk_runs(slot);
            put_varint(bytes, runs.len() as u64);
            for run in runs {
                put_varint(bytes, run.start);
                put_varint(bytes, run.end - run.start);
            }
        }
        self.calls.iter().for_each(|call| call.accumulator.encode_rest(slot, bytes));
    }

    /// Reads which chunks a stored slot has, call by call and in their order.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::operators) fn decode_chunk_names(&self, bytes: &mut Reader<'_>) -> Result<Vec<ChunkName>> {
        let mut names = Vec::new();
        for call in 0..self.calls.len() as u32 {
            for _ in 0..bytes.count()? {
                let (first, count) = (bytes.varint()?, bytes.varint()?);
                let end = first.checked_add(count).filter(|_| count <= (CHUNKS_MAX - names.len()) as u64);
                let end = end.ok_or_else(|| damaged("it names more chunks than there can be"))?;
                names.extend((first..end).map(|number| ChunkName { call, number }));
            }
        }
        Ok(names)
    }

    /// Takes the next chunk into the state of a slot.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::operators) fn decode_chunk(
        &mut self,
        slot: u32,
        name: ChunkName,
        bytes: &mut Reader<'_>,
    ) -> Result<()> {
        let call = self.calls.get_mut(name.call as usize);
        let call = call.ok_or_else(|| damaged("it names a chunk of a call that is not there"))?;
        call.accumulator.decode_chunk(slot, name.number, bytes)
    }

    /// Takes what is in no chunk into the state of a slot, behind its chunks.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::operators) fn decode_rest(&mut self, slot: u32, bytes: &mut Reader<'_>) -> Result<()> {
        self.calls.iter_mut().try_for_each(|call| call.accumulator.decode_rest(slot, bytes))
    }

    /// Brings a slot back to the state of no rows.
    pub(in crate::operators) fn reset(&mut self, slot: u32) {
        self.calls.iter_mut().for_each(|call| call.accumulator.reset(slot));
    }

    /// Forgets all slots but some; see [`Accumulator::retain`].
    pub(in crate::operators) fn retain(&mut self, kept: &[u32]) {
        self.calls.iter_mut().for_each(|call| call.accumulator.retain(kept));
    }

    /// Bytes held, roughly.
    pub(in crate::operators) fn memory_bytes(&self) -> usize {
        self.calls.iter().map(|call| call.accumulator.memory_bytes()).sum()
    }
}

/// The accumulator of a call, and how many of its arguments are values.
fn accumulator(call: &CallSpec, spec: &AggregateSpec) -> Result<(Box<dyn Accumulator>, usize)> {
    let function = aggregates::lookup(&call.function).ok_or_else(|| {
        let name = &call.function;
        Error::new(ErrorKind::UnknownFunction, format!("Can't find any functions with the name '{name}'"))
    })?;
    let constant = |position: usize| call.constants.get(position).and_then(Option::as_ref);
    let data_type =
        |(position, index): (usize, &usize)| match (constant(position), spec.input.fields().get(*index)) {
            (Some(constant), _) => Ok(constant.data_type()),
            (None, Some(field)) => Ok(field.data_type().clone()),
            (None, None) => Err(no_column(*index)),
        };
    let resolved = ResolvedCall {
        arguments: call.arguments.iter().enumerate().map(data_type).collect::<Result<_>>()?,
        constants: call.constants.clone(),
        return_type: call.return_type.clone(),
        retracts: spec.input_kind == SourceKind::Table,
        entries_max: call.entries_max,
        overflow_ends_query: spec.policy.overflow == Overflow::Fail,
    };
    let return_type: DataType = function
        .return_type(&resolved.arguments, &resolved.constants)
        .map_err(|reason| Error::new(ErrorKind::UnknownFunction, reason))?;
    if return_type != call.return_type {
        return Err(Error::internal(format!(
            "{} gives {return_type}, planned was {}",
            function.name, call.return_type
        )));
    }
    Ok((function.accumulator(&resolved)?, function.values(call.arguments.len())))
}

fn no_column(index: usize) -> Error {
    Error::internal(format!("an aggregate's argument is column {index}, which the input does not have"))
}

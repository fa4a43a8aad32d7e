//! What computes an aggregate: one [`Accumulator`] for all groups of a call.
//!
//! An accumulator keeps the states of all groups in one column, indexed by *slot*; which group has
//! which slot is its user's affair. It takes whole batches, each row with its slot, so that the kind
//! of the aggregate is decided once per batch and not per row.
//!
//! Most aggregates are a [`Fold`]: how one row changes one state. [`Folded`] makes an accumulator of
//! it and does once what all of them need: slots, memory, the bound on a group's state.

use std::ops::Range;

use arrow::array::ArrayRef;

use super::chunks::StoreChunk;
use crate::error::{Error, Result};
use crate::state::encoding::{Reader, damaged};

/// The most bytes one group's state may take before it takes no more values. Beyond it one key would crowd
/// out all others, and no record could carry the result: Kafka's default limit for one is 1 MiB.
pub const GROUP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Rows that change states, in order.
///
/// Invariant: every part has as many entries as `slots`.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// The group of each row.
    pub slots: &'a [u32],
    /// The call's arguments that are values (not those that only configure it).
    pub columns: &'a [ArrayRef],
    /// Which rows are taken back instead of added; none if absent.
    pub retracted: Option<&'a [bool]>,
    /// A number of each row that grows with the order of rows over all groups, for aggregates that ask
    /// which came first when groups merge. Absent where groups do not merge.
    pub sequence: Option<&'a [u64]>,
}

/// What rows could not do to the states of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// How many rows.
    pub rows: u64,
    /// What became of the first one, for people.
    pub reason: String,
}

/// The states of one call's groups.
pub trait Accumulator: Send {
    /// Makes room: slots below the number exist afterwards, new ones in the state of no rows.
    fn resize(&mut self, slots: usize);

    /// Brings a slot back to the state of no rows.
    fn reset(&mut self, slot: u32);

    /// Forgets all slots but some; the i-th of those given is slot i afterwards.
    fn retain(&mut self, kept: &[u32]);

    /// Adds rows, or takes them back.
    ///
    /// # Errors
    /// What ends the query: a bug, or a sum without a result where that is asked for.
    fn update(&mut self, changes: &Changes<'_>) -> Result<()>;

    /// Adds to one slot what another one has, as if its rows had come to it.
    ///
    /// # Errors
    /// As [`Accumulator::update`].
    fn merge(&mut self, into: u32, from: u32) -> Result<()>;

    /// The results of some slots, in the order asked, in the call's return type.
    ///
    /// # Errors
    /// A result too large for an array.
    fn evaluate(&self, slots: &[u32]) -> Result<ArrayRef>;

    /// Appends a slot's state to a stored value.
    fn encode(&self, slot: u32, bytes: &mut Vec<u8>);

    /// Replaces a slot's state by a stored one.
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode(&mut self, slot: u32, bytes: &mut Reader<'_>) -> Result<()>;

    /// Whether states are stored in chunks as they grow: so much of them that a commit that changes a little
    /// is not to write all. Where they are not, the functions below do nothing, or the same as those above.
    fn is_chunked(&self) -> bool;

    /// Gives out the chunks of a slot's state that have changed since they were stored.
    fn store_chunks(&mut self, slot: u32, store: &mut StoreChunk<'_>);

    /// Numbers of the chunks of a slot's state in their order, as runs.
    fn chunk_runs(&self, slot: u32) -> Vec<Range<u64>>;

    /// Appends what of a slot's state is in no chunk to a stored value.
    fn encode_rest(&self, slot: u32, bytes: &mut Vec<u8>);

    /// Takes the next chunk into the state of a slot.
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode_chunk(&mut self, slot: u32, number: u64, bytes: &mut Reader<'_>) -> Result<()>;

    /// Takes what is in no chunk into the state of a slot, behind its chunks.
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode_rest(&mut self, slot: u32, bytes: &mut Reader<'_>) -> Result<()>;

    /// What rows could not do since it was asked last, if there is anything.
    fn take_trouble(&mut self) -> Option<Trouble> {
        None
    }

    /// Bytes held, roughly.
    fn memory_bytes(&self) -> usize;
}

/// How rows change one group's state.
pub trait Fold: Send {
    /// The state of a group; the default is the state of no rows.
    type State: Default + Send;

    /// The arguments of a batch, made ready once for all its rows.
    type Columns<'a>;

    /// Whether states own memory beyond their size.
    const OWNS_MEMORY: bool;

    /// Whether a state may have no result, which then is NULL.
    const MAY_LACK_RESULT: bool = false;

    /// Whether states are stored in chunks as they grow; see [`Accumulator::is_chunked`].
    const CHUNKED: bool = false;

    /// Makes the arguments of a batch ready.
    ///
    /// # Errors
    /// Internal: arguments of other types than the call was resolved for.
    fn columns<'a>(&self, columns: &'a [ArrayRef]) -> Result<Self::Columns<'a>>;

    /// Adds a row to a state.
    ///
    /// # Errors
    /// As [`Accumulator::update`].
    fn add(
        &self,
        state: &mut Self::State,
        columns: &Self::Columns<'_>,
        row: usize,
        sequence: u64,
    ) -> Result<()>;

    /// Takes a row back from a state.
    ///
    /// # Errors
    /// As [`Accumulator::update`]; Internal if the aggregate cannot.
    fn retract(&self, state: &mut Self::State, columns: &Self::Columns<'_>, row: usize) -> Result<()> {
        let _ = (state, columns, row);
        Err(Error::internal("a row was taken back from an aggregate that cannot"))
    }

    /// Adds one state to another.
    ///
    /// # Errors
    /// As [`Accumulator::merge`].
    fn merge(&self, into: &mut Self::State, from: Self::State) -> Result<()>;

    /// The results of some states, in order.
    ///
    /// # Errors
    /// As [`Accumulator::evaluate`].
    fn evaluate<'a>(
        &'a self,
        states: impl ExactSizeIterator<Item = &'a Self::State> + Clone,
    ) -> Result<ArrayRef>
    where
        Self::State: 'a;

    /// Appends a state to a stored value.
    fn encode(&self, state: &Self::State, bytes: &mut Vec<u8>);

    /// Reads a stored state.
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode(&self, bytes: &mut Reader<'_>) -> Result<Self::State>;

    /// See [`Accumulator::store_chunks`].
    fn store_chunks(&self, state: &mut Self::State, store: &mut StoreChunk<'_>) {
        let _ = (state, store);
    }

    /// See [`Accumulator::chunk_runs`].
    fn chunk_runs(&self, state: &Self::State) -> Vec<Range<u64>> {
        let _ = state;
        Vec::new()
    }

    /// See [`Accumulator::encode_rest`].
    fn encode_rest(&self, state: &Self::State, bytes: &mut Vec<u8>) {
        self.encode(state, bytes);
    }

    /// See [`Accumulator::decode_chunk`].
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode_chunk(&self, state: &mut Self::State, number: u64, bytes: &mut Reader<'_>) -> Result<()> {
        let _ = (state, number, bytes);
        Err(damaged("it names chunks of a state that has none"))
    }

    /// See [`Accumulator::decode_rest`].
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode_rest(&self, state: &mut Self::State, bytes: &mut Reader<'_>) -> Result<()> {
        *state = self.decode(bytes)?;
        Ok(())
    }

    /// Whether a state has no result as it is, and why, for people.
    fn lacks_result(&self, state: &Self::State) -> Option<String> {
        let _ = state;
        None
    }

    /// Bytes a state owns beyond its size, roughly.
    fn owned_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
}

/// A fold over every slot.
pub struct Folded<F: Fold> {
    fold: F,
    states: Vec<F::State>,
    owned_bytes: usize,
    trouble: Option<Trouble>,
}

impl<F: Fold + 'static> Folded<F> {
    /// The accumulator of a fold.
    pub fn boxed(fold: F) -> Box<dyn Accumulator> {
        Box::new(Folded { fold, states: Vec::new(), owned_bytes: 0, trouble: None })
    }
}

impl<F: Fold> Folded<F> {
    /// Replaces a state and keeps account of its memory.
    fn replace(&mut self, slot: u32, state: F::State) -> F::State {
        self.owned_bytes += self.fold.owned_bytes(&state);
        let old = std::mem::replace(&mut self.states[slot as usize], state);
        self.owned_bytes -= self.fold.owned_bytes(&old);
        old
    }

    /// Changes a state and keeps account of its memory.
    fn with_state<T>(&mut self, slot: u32, change: impl FnOnce(&F, &mut F::State) -> T) -> T {
        let state = &mut self.states[slot as usize];
        let before = self.fold.owned_bytes(state);
        let result = change(&self.fold, state);
        self.owned_bytes = (self.owned_bytes + self.fold.owned_bytes(state)).saturating_sub(before);
        result
    }

    /// Whether a state takes no more values.
    fn is_full(&self, slot: u32) -> bool {
        F::OWNS_MEMORY && self.fold.owned_bytes(&self.states[slot as usize]) > GROUP_BYTES_MAX
    }
}

/// Notes a row that could not do what it should.
fn note(trouble: &mut Option<Trouble>, reason: impl FnOnce() -> String) {
    trouble.get_or_insert_with(|| Trouble { rows: 0, reason: reason() }).rows += 1;
}

fn full() -> String {
    format!(
        "the values of one group take more than {GROUP_BYTES_MAX} bytes, so it takes no more of them; narrow \
         its key, add a window, or set a limit"
    )
}

impl<F: Fold> Accumulator for Folded<F> {
    fn resize(&mut self, slots: usize) {
        if self.states.len() < slots {
            self.states.resize_with(slots, F::State::default);
        }
    }

    fn reset(&mut self, slot: u32) {
        self.replace(slot, F::State::default());
    }

    fn retain(&mut self, kept: &[u32]) {
        let mut old = std::mem::take(&mut self.states);
        self.states = kept.iter().map(|slot| std::mem::take(&mut old[*slot as usize])).collect();
        if F::OWNS_MEMORY {
            self.owned_bytes = self.states.iter().map(|state| self.fold.owned_bytes(state)).sum();
        }
    }

    fn update(&mut self, changes: &Changes<'_>) -> Result<()> {
        let columns = self.fold.columns(changes.columns)?;
        for (row, slot) in changes.slots.iter().enumerate() {
            let state = &mut self.states[*slot as usize];
            let before = if F::OWNS_MEMORY { self.fold.owned_bytes(state) } else { 0 };
            let had_result = F::MAY_LACK_RESULT && self.fold.lacks_result(state).is_none();
            if changes.retracted.is_some_and(|retracted| retracted[row]) {
                self.fold.retract(state, &columns, row)?;
            } else if before > GROUP_BYTES_MAX {
                note(&mut self.trouble, full);
                continue;
            } else {
                let sequence = changes.sequence.map_or(0, |sequence| sequence[row]);
                self.fold.add(state, &columns, row, sequence)?;
            }
            if had_result && let Some(reason) = self.fold.lacks_result(state) {
                note(&mut self.trouble, || reason);
            }
            if F::OWNS_MEMORY {
                let after = self.fold.owned_bytes(state);
                self.owned_bytes = (self.owned_bytes + after).saturating_sub(before);
            }
        }
        Ok(())
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let from = self.replace(from, F::State::default());
        if self.is_full(into) {
            note(&mut self.trouble, full);
            return Ok(());
        }
        let mut state = self.replace(into, F::State::default());
        let merged = self.fold.merge(&mut state, from);
        self.replace(into, state);
        merged
    }

    fn evaluate(&self, slots: &[u32]) -> Result<ArrayRef> {
        self.fold.evaluate(slots.iter().map(|slot| &self.states[*slot as usize]))
    }

    fn encode(&self, slot: u32, bytes: &mut Vec<u8>) {
        self.fold.encode(&self.states[slot as usize], bytes);
    }

    fn decode(&mut self, slot: u32, bytes: &mut Reader<'_>) -> Result<()> {
        let state = self.fold.decode(bytes)?;
        self.replace(slot, state);
        Ok(())
    }

    fn is_chunked(&self) -> bool {
        F::CHUNKED
    }

    fn store_chunks(&mut self, slot: u32, store: &mut StoreChunk<'_>) {
        self.with_state(slot, |fold, state| fold.store_chunks(state, store));
    }

    fn chunk_runs(&self, slot: u32) -> Vec<Range<u64>> {
        self.fold.chunk_runs(&self.states[slot as usize])
    }

    fn encode_rest(&self, slot: u32, bytes: &mut Vec<u8>) {
        self.fold.encode_rest(&self.states[slot as usize], bytes);
    }

    fn decode_chunk(&mut self, slot: u32, number: u64, bytes: &mut Reader<'_>) -> Result<()> {
        self.with_state(slot, |fold, state| fold.decode_chunk(state, number, bytes))
    }

    fn decode_rest(&mut self, slot: u32, bytes: &mut Reader<'_>) -> Result<()> {
        self.with_state(slot, |fold, state| fold.decode_rest(state, bytes))
    }

    fn take_trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    fn memory_bytes(&self) -> usize {
        self.states.capacity() * size_of::<F::State>() + self.owned_bytes
    }
}

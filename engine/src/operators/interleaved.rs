//! Rows of two inputs in one order, without being cut into as many batches as there are turns.
//!
//! Two inputs whose event times alternate change turns at nearly every row. What is the same for all
//! rows of an input, as making their keys is, an operator then does once for each input, and not for
//! each turn.

use std::ops::Range;

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::{Context, Input, Ledger, Operator};

/// Rows of two inputs, and in which order they come.
#[derive(Clone, Debug)]
pub struct Interleaved {
    left: ChangeBatch,
    right: ChangeBatch,
    turns: Vec<(Input, usize)>,
}

impl Interleaved {
    /// Of the rows of each input, and whose turn it is for how many rows.
    #[must_use]
    pub fn new(left: ChangeBatch, right: ChangeBatch, turns: Vec<(Input, usize)>) -> Interleaved {
        let in_turns: usize = turns.iter().map(|(_, rows)| rows).sum();
        assert_eq!(left.rows() + right.rows(), in_turns, "each row has its turn");
        Interleaved { left, right, turns }
    }

    /// The rows of one input.
    #[must_use]
    pub fn of(&self, input: Input) -> &ChangeBatch {
        match input {
            Input::Left => &self.left,
            Input::Right => &self.right,
        }
    }

    /// The turns: whose it is, and which of its rows come.
    pub fn turns(&self) -> impl Iterator<Item = (Input, Range<usize>)> {
        let (mut left, mut right) = (0, 0);
        self.turns.iter().map(move |(input, rows)| {
            let next = match input {
                Input::Left => &mut left,
                Input::Right => &mut right,
            };
            *next += rows;
            (*input, *next - rows..*next)
        })
    }

    /// A batch for each turn.
    pub fn batches(&self) -> impl Iterator<Item = (Input, ChangeBatch)> {
        self.turns().map(|(input, rows)| (input, self.of(input).slice(rows.start, rows.len())))
    }
}

/// Counts of dropped rows, of each input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InputLedgers {
    left: Ledger,
    right: Ledger,
}

impl InputLedgers {
    /// Those of one input.
    pub fn of(&mut self, input: Input) -> &mut Ledger {
        match input {
            Input::Left => &mut self.left,
            Input::Right => &mut self.right,
        }
    }
}

/// Gives an operator a batch for each turn.
///
/// # Errors
/// As [`Operator::process`].
pub fn process_in_turns<O: Operator + ?Sized>(
    operator: &mut O,
    rows: &Interleaved,
    context: &mut Context<'_>,
    dropped: &mut InputLedgers,
    out: &mut Vec<ChangeBatch>,
) -> Result<()> {
    for (input, batch) in rows.batches() {
        operator.process(input, batch, context, out)?;
        dropped.of(input).add(std::mem::take(context.ledger));
    }
    Ok(())
}

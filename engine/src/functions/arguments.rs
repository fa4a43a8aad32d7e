//! Arguments of functions as typed columns, and columns of results made row by row.
//!
//! What a row gives is written into a buffer that the rows of a batch share. A value and a batch are
//! bounded: a function may be asked for more text than memory holds.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayAccessor, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryBuilder, PrimitiveArray,
    StringArray, StringBuilder,
};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use crate::expressions::failures;

/// Bytes of one STRING or BYTES that a function may make: more than a record takes by default, and little
/// enough that a few of them at once do no harm.
pub(super) const VALUE_BYTES_MAX: usize = 16 << 20;

/// Bytes that the values of one column may have together. A batch that would give more is evaluated in
/// halves.
pub(super) const COLUMN_BYTES_MAX: usize = 256 << 20;

/// The column of an argument, of one type.
pub(super) struct Argument<'a, A>(&'a A);

/// A column of STRINGs.
pub(super) type Texts<'a> = Argument<'a, StringArray>;

/// A column of BYTES.
pub(super) type Bytes<'a> = Argument<'a, BinaryArray>;

/// A column of numbers or times.
pub(super) type Values<'a, T> = Argument<'a, PrimitiveArray<T>>;

impl<A> Clone for Argument<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Argument<'_, A> {}

impl<'a, A: Array + 'static> Argument<'a, A>
where
    &'a A: ArrayAccessor,
{
    /// The argument at a position.
    pub(super) fn of(columns: &'a [ArrayRef], index: usize) -> Result<Argument<'a, A>> {
        let column = argument(columns, index)?;
        let typed = column.as_any().downcast_ref::<A>().map(Argument);
        typed.ok_or_else(|| {
            exec_datafusion_err!("argument {} is a column of another type: {}", index + 1, column.data_type())
        })
    }

    /// All arguments from a position on.
    pub(super) fn all(columns: &'a [ArrayRef], from: usize) -> Result<Vec<Argument<'a, A>>> {
        (from..columns.len()).map(|index| Argument::of(columns, index)).collect()
    }

    /// The value of a row; none for NULL.
    pub(super) fn get(self, row: usize) -> Option<<&'a A as ArrayAccessor>::Item> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }
}

/// The column of the argument at a position.
pub(super) fn argument(columns: &[ArrayRef], index: usize) -> Result<&ArrayRef> {
    columns.get(index).ok_or_else(|| exec_datafusion_err!("argument {} is missing", index + 1))
}

/// The value of a row, in the making.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Appends text; none, with a note, where the value would become too long.
    pub(super) fn push_str(&mut self, text: &str) -> Option<()> {
        self.push_bytes(text.as_bytes())
    }

    /// Appends a character, as [`Buffer::push_str`].
    pub(super) fn push(&mut self, character: char) -> Option<()> {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends bytes, as [`Buffer::push_str`].
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        self.has_room(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    /// Appends what `write` appends, which is text of a STRING; none, with a note, where the value has become
    /// too long.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        write(&mut self.bytes);
        self.has_room(0)
    }

    /// None, with a note, where so many bytes more would make the value too long: to be asked before a long
    /// value is made piece by piece.
    pub(super) fn has_room(&self, bytes: usize) -> Option<()> {
        if self.bytes.len().saturating_add(bytes) > VALUE_BYTES_MAX {
            failures::note(|| format!("the value would be longer than {VALUE_BYTES_MAX} bytes"));
            return None;
        }
        Some(())
    }

    /// Appends text of ASCII with every byte mapped to another, as [`Buffer::push_str`].
    pub(super) fn push_mapped(&mut self, ascii: &str, map: fn(&u8) -> u8) -> Option<()> {
        let from = self.bytes.len();
        self.push_str(ascii)?;
        self.bytes[from..].iter_mut().for_each(|byte| *byte = map(byte));
        Some(())
    }

    /// What has been written.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes back what has been written.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// A column of STRINGs of so many rows: `write` puts the value of a row into the buffer, or tells that
/// there is none. It writes text only, never half a character.
pub(super) fn texts(rows: usize, write: impl FnMut(usize, &mut Buffer) -> Option<()>) -> Result<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(rows, rows * ESTIMATED_VALUE_BYTES);
    write_rows(rows, write, |value| {
        let text = value.map(std::str::from_utf8).transpose();
        let text = text.map_err(|error| exec_datafusion_err!("a function wrote no text: {error}"))?;
        builder.append_option(text);
        Ok(())
    })?;
    Ok(Arc::new(builder.finish()))
}

/// A column of BYTES, as [`texts`].
pub(super) fn binaries(rows: usize, write: impl FnMut(usize, &mut Buffer) -> Option<()>) -> Result<ArrayRef> {
    let mut builder = BinaryBuilder::with_capacity(rows, rows * ESTIMATED_VALUE_BYTES);
    write_rows(rows, write, |value| {
        builder.append_option(value);
        Ok(())
    })?;
    Ok(Arc::new(builder.finish()))
}

/// Writes the value of each row and appends it, none for a row without one.
fn write_rows(
    rows: usize,
    mut write: impl FnMut(usize, &mut Buffer) -> Option<()>,
    mut append: impl FnMut(Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let mut buffer = Buffer::default();
    let mut total = 0;
    for row in 0..rows {
        buffer.clear();
        let value = write(row, &mut buffer).map(|()| buffer.as_slice());
        total = counted(total, value.map_or(0, <[u8]>::len))?;
        append(value)?;
    }
    Ok(())
}

/// A column of numbers or times of so many rows.
pub(super) fn values<T: ArrowPrimitiveType>(
    rows: usize,
    value: impl FnMut(usize) -> Option<T::Native>,
) -> ArrayRef {
    let values: PrimitiveArray<T> = (0..rows).map(value).collect();
    Arc::new(values)
}

/// What the bytes of a column are with another value.
pub(super) fn counted(total: usize, value: usize) -> Result<usize> {
    let total = total + value;
    if total > COLUMN_BYTES_MAX {
        return exec_err!("the values of a batch would have more than {COLUMN_BYTES_MAX} bytes");
    }
    Ok(total)
}

/// Bytes of a value for which room is made at first.
const ESTIMATED_VALUE_BYTES: usize = 16;

/// What is remembered for the argument of the row before: rows mostly have the same pattern, zone or unit,
/// a literal always, and what is made of it is made once.
pub(super) struct Remembered<T> {
    last: Option<(String, T)>,
}

impl<T> Remembered<T> {
    pub(super) fn new() -> Remembered<T> {
        Remembered { last: None }
    }

    /// What `make` gives for the text.
    pub(super) fn get(&mut self, text: &str, make: impl FnOnce(&str) -> T) -> &T {
        let known = self.last.as_ref().is_some_and(|(last, _)| last == text);
        if !known {
            self.last = None;
        }
        let (_, value) = self.last.get_or_insert_with(|| (text.to_owned(), make(text)));
        value
    }
}

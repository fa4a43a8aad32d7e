//! The row of each key of a table.
//!
//! A table's topic says what a key's row is now. Operators that test or take back rows need to know
//! what it was before: this operator remembers the row of each key and passes on inserts, updates
//! with the row they replace, and deletes with the row they take away. A delete of a key that has no
//! row says nothing.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::row::{OwnedRow, RowConverter, SortField};
use bytes::Bytes;
use hashbrown::HashMap;
use tidemill_storage::state::WriteBatch;

use crate::batch::{ChangeBatch, Kinds, RowKind};
use crate::error::Result;
use crate::operators::{Context, Input, Operator, StateRoom};

/// Bytes a remembered row costs beside its own.
const ENTRY_OVERHEAD_BYTES: usize = 96;

/// The remembered row of one key.
struct Entry {
    /// Row-encoded; none where the key is known to have no row.
    row: Option<Bytes>,
    dirty: bool,
}

/// Remembers a table's rows.
pub struct TableState {
    key: Vec<usize>,
    schema: SchemaRef,
    room: StateRoom,
    keys: RowConverter,
    rows: RowConverter,
    entries: HashMap<Bytes, Entry>,
    bytes: usize,
}

impl TableState {
    /// Of a table with the given columns, of which `key` are the primary key.
    ///
    /// # Errors
    /// Arrow's, for a type that has no row form.
    pub fn new(key: Vec<usize>, schema: SchemaRef, room: StateRoom) -> Result<TableState> {
        let field = |index: &usize| SortField::new(schema.field(*index).data_type().clone());
        let keys = RowConverter::new(key.iter().map(field).collect())?;
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let rows = RowConverter::new(fields)?;
        Ok(TableState { key, schema, room, keys, rows, entries: HashMap::new(), bytes: 0 })
    }

    fn stored_key(&self, key: &[u8]) -> Bytes {
        [self.room.prefix.as_ref(), key].concat().into()
    }

    /// Brings the rows of keys that are not in memory.
    fn load(&mut self, keys: &[Bytes], context: &Context<'_>) -> Result<()> {
        if self.room.fresh {
            return Ok(());
        }
        let mut missing: Vec<&Bytes> = keys.iter().filter(|key| !self.entries.contains_key(*key)).collect();
        missing.sort_unstable();
        missing.dedup();
        let stored: Vec<Bytes> = missing.iter().map(|key| self.stored_key(key)).collect();
        for (key, row) in missing.into_iter().zip(context.store.multi_get(&stored)?) {
            self.bytes += key.len() + row.as_ref().map_or(0, Bytes::len) + ENTRY_OVERHEAD_BYTES;
            self.entries.insert(key.clone(), Entry { row, dirty: false });
        }
        Ok(())
    }

    /// Sets the row of a key; gives the one before.
    fn replace(&mut self, key: &Bytes, row: Option<Bytes>) -> Option<Bytes> {
        let added = row.as_ref().map_or(0, Bytes::len);
        let before = match self.entries.get_mut(key) {
            Some(entry) => {
                entry.dirty = true;
                std::mem::replace(&mut entry.row, row)
            }
            None => {
                self.bytes += key.len() + ENTRY_OVERHEAD_BYTES;
                self.entries.insert(key.clone(), Entry { row, dirty: true });
                None
            }
        };
        self.bytes = (self.bytes + added).saturating_sub(before.as_ref().map_or(0, Bytes::len));
        before
    }
}

impl Operator for TableState {
    fn name(&self) -> &'static str {
        "TableState"
    }

    fn process(
        &mut self,
        _input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let columns: Vec<ArrayRef> =
            self.key.iter().map(|index| batch.columns.column(*index).clone()).collect();
        let keys: Vec<Bytes> = self
            .keys
            .convert_columns(&columns)?
            .iter()
            .map(|key| Bytes::copy_from_slice(key.as_ref()))
            .collect();
        self.load(&keys, context)?;
        let encoded = self.rows.convert_columns(batch.columns.columns())?;
        let parser = self.rows.parser();
        let mut rows: Vec<OwnedRow> = Vec::with_capacity(batch.rows());
        let mut kinds = Vec::with_capacity(batch.rows());
        let mut origins: Vec<u32> = Vec::with_capacity(batch.rows());
        for (row, key) in keys.iter().enumerate() {
            let deletes = matches!(batch.kinds.get(row), RowKind::Delete | RowKind::NullValue);
            let now = (!deletes).then(|| Bytes::copy_from_slice(encoded.row(row).as_ref()));
            let before = self.replace(key, now.clone());
            let changes = match (&before, &now) {
                (None, None) => {
                    context.ledger.filtered += 1;
                    continue;
                }
                (None, Some(now)) => vec![(RowKind::Insert, now)],
                (Some(before), None) => vec![(RowKind::Delete, before)],
                (Some(before), Some(now)) => {
                    vec![(RowKind::UpdateBefore, before), (RowKind::UpdateAfter, now)]
                }
            };
            for (kind, bytes) in changes {
                rows.push(parser.parse(bytes).owned());
                kinds.push(kind);
                origins.push(row as u32);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let columns = self.rows.convert_rows(rows.iter().map(OwnedRow::row))?;
        let options = RecordBatchOptions::new().with_row_count(Some(kinds.len()));
        let columns = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        // Times, windows and headers are those of the record that changed the row.
        let mut changed = batch.take(&origins.into())?.with_columns(columns);
        changed.kinds = Kinds::from_rows(&kinds);
        out.push(changed);
        Ok(())
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        let prefix = self.room.prefix.clone();
        for (key, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.dirty) {
            let stored: Bytes = [prefix.as_ref(), key.as_ref()].concat().into();
            match &entry.row {
                Some(row) => changes.put(stored, row.clone()),
                None => changes.delete(stored),
            }
            entry.dirty = false;
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.bytes
    }

    fn evict(&mut self, bytes_max: usize) {
        if self.bytes <= bytes_max {
            return;
        }
        // What is forgotten has to be looked up from now on.
        self.room.fresh = false;
        let mut bytes = self.bytes;
        self.entries.retain(|key, entry| {
            if entry.dirty || bytes <= bytes_max {
                return true;
            }
            bytes -= (key.len() + entry.row.as_ref().map_or(0, Bytes::len) + ENTRY_OVERHEAD_BYTES).min(bytes);
            false
        });
        self.bytes = bytes;
    }
}

//! The row of each key of a table.
//!
//! A table's topic says what a key's row is now. Operators that test or take back rows need to know
//! what it was before: this operator remembers the row of each key and passes on inserts, updates
//! with the row they replace, and deletes with the row they take away. A delete of a key that has no
//! row says nothing. Of a windowed table, a key has one row in each window.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use tidemill_storage::state::WriteBatch;

use super::remembered_rows::{RememberedRow, RememberedRows};
use super::row_keys::RowKeys;
use crate::batch::{ChangeBatch, Kinds, RowKind};
use crate::error::Result;
use crate::operators::{Context, Input, Operator};
use crate::state::{RowCodec, StateRoom};

/// Remembers a table's rows.
pub struct TableState {
    keys: RowKeys,
    codec: RowCodec,
    schema: SchemaRef,
    rows: RememberedRows,
}

impl TableState {
    /// Of a table with the given columns, of which `key` are the primary key.
    ///
    /// # Errors
    /// `Unsupported`: a type that cannot be kept. `Internal`: there are no key columns.
    pub fn new(key: &[usize], schema: SchemaRef, room: StateRoom) -> Result<TableState> {
        let data_types: Vec<DataType> =
            schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Ok(TableState {
            keys: RowKeys::new(key, &schema)?,
            codec: RowCodec::new(&data_types)?,
            schema,
            rows: RememberedRows::new(room),
        })
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
        let keys = self.keys.of(&batch)?;
        self.rows.load(keys.iter().flatten(), context.store.as_ref())?;
        let encoded = self.codec.encode(batch.columns.columns())?;
        let mut rows: Vec<Bytes> = Vec::with_capacity(batch.rows());
        let mut kinds = Vec::with_capacity(batch.rows());
        let mut origins: Vec<u32> = Vec::with_capacity(batch.rows());
        let mut push = |kind: RowKind, row: Bytes, origin: usize| {
            rows.push(row);
            kinds.push(kind);
            origins.push(origin as u32);
        };
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key else {
                context.ledger.filtered += 1;
                continue;
            };
            let removes = matches!(batch.kinds.get(row), RowKind::Delete | RowKind::NullValue);
            let now = (!removes).then(|| Bytes::copy_from_slice(encoded.row(row).as_ref()));
            let kept = now.clone().map(|now| RememberedRow { time_ms: batch.times_ms[row], row: now });
            let before = self.rows.replace(key, kept).map(|before| before.row);
            match (before, now) {
                (None, None) => context.ledger.filtered += 1,
                (None, Some(now)) => push(RowKind::Insert, now, row),
                (Some(before), None) => push(RowKind::Delete, before, row),
                (Some(before), Some(now)) => {
                    push(RowKind::UpdateBefore, before, row);
                    push(RowKind::UpdateAfter, now, row);
                }
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let columns = self.codec.decode(rows.iter().map(Bytes::as_ref))?;
        let options = RecordBatchOptions::new().with_row_count(Some(kinds.len()));
        let columns = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        // Times, windows and headers are those of the record that changed the row.
        let mut changed = batch.take(&origins.into())?.with_columns(columns);
        changed.kinds = Kinds::from_rows(&kinds);
        out.push(changed);
        Ok(())
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.rows.commit(changes);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
    }

    fn evict(&mut self, bytes_max: usize) {
        self.rows.evict(bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema};

    use super::*;
    use crate::batch::Windows;
    use crate::operators::driver::{Driver, batch};

    fn schema() -> SchemaRef {
        let field = |name: &str| Field::new(name, DataType::Utf8, true);
        Arc::new(Schema::new(vec![field("K"), field("V")]))
    }

    fn driver() -> Driver {
        Driver::new(|room| Ok(Box::new(TableState::new(&[0], schema(), room)?)))
    }

    #[test]
    fn updates_carry_the_row_they_replace_across_a_restart() {
        let mut driver = driver();
        driver.push(Input::Left, batch(&schema(), "+I 1 a x\n+I 2 b y")).expect("takes rows");
        assert_eq!(driver.take_rows(), ["+I 1 a x", "+I 2 b y"]);
        driver.commit();
        driver.evict_all();
        driver.restart();
        driver.push(Input::Left, batch(&schema(), "+I 3 a z\n-D 4 b _\n-D 5 c _")).expect("takes rows");
        assert_eq!(driver.take_rows(), ["-U 3 a x", "+U 3 a z", "-D 4 b y"]);
        assert_eq!(driver.ledger.filtered, 1, "nobody knew c");
    }

    #[test]
    fn a_key_has_a_row_in_each_window() {
        let windowed = |text: &str, start_ms: i64| ChangeBatch {
            windows: Some(Windows { start_ms: vec![start_ms].into(), end_ms: vec![start_ms + 10].into() }),
            ..batch(&schema(), text)
        };
        let mut driver = driver();
        for (text, start_ms) in [("+I 1 a x", 0), ("+I 11 a y", 10), ("+I 12 a z", 10), ("-D 13 a _", 0)] {
            driver.push(Input::Left, windowed(text, start_ms)).expect("takes a row");
        }
        let expected = [
            "+I 1 [0,10) a x",
            "+I 11 [10,20) a y",
            "-U 12 [10,20) a y",
            "+U 12 [10,20) a z",
            "-D 13 [0,10) a x",
        ];
        assert_eq!(driver.take_rows(), expected);
    }
}

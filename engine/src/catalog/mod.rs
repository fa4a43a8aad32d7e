//! What exists: streams, tables, types, functions and persistent queries.
//!
//! The catalog is a value ([`CatalogState`]) that readers hold as long as they like; a change makes a
//! new one. A change is one synced write batch, so after a crash it is there wholly or not at all;
//! nothing is replayed at start. Names in here are stored names.

pub mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use parking_lot::{Mutex, RwLock};
use tidemill_sql::lookup::{Source, UserFunction};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};

use crate::catalog::record::{Class, FunctionRecord, QueryRecord, SequenceRecord, SourceRecord, TypeRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::state_keys;

/// First oid given to a source; below it are those of the system's own relations.
const FIRST_OID: u32 = 16_384;

/// A stream or table with what the catalog knows beside its shape.
#[derive(Clone, Debug)]
pub struct CatalogSource {
    /// Its shape.
    pub source: Arc<Source>,
    /// Stable number of the relation.
    pub oid: u32,
    /// The statement that made it, as written.
    pub statement: String,
    /// The query that fills it, where one does.
    pub query: Option<String>,
    /// Number under which a table's rows are stored, where they are.
    pub stored_rows: Option<u64>,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
}

/// Everything that exists at one moment.
#[derive(Clone, Default, Debug)]
pub struct CatalogState {
    /// Streams and tables by stored name.
    pub sources: BTreeMap<String, Arc<CatalogSource>>,
    /// Persistent queries by id.
    pub queries: BTreeMap<String, Arc<QueryRecord>>,
    /// Types by name.
    pub types: BTreeMap<String, DataType>,
    /// Functions made by CREATE FUNCTION, by upper-case name.
    pub functions: BTreeMap<String, Arc<UserFunction>>,
    next_oid: u32,
    next_query: u64,
}

impl CatalogState {
    /// A stream or table.
    ///
    /// # Errors
    /// `NotFound`, with what it may have been meant to be.
    pub fn source(&self, name: &str) -> Result<&Arc<CatalogSource>> {
        self.sources.get(name).ok_or_else(|| {
            let names = self.sources.keys().map(String::as_str);
            Error::new(ErrorKind::NotFound, format!("'{name}' does not exist"))
                .with_suggestion(name, names)
                .or_hint("SHOW STREAMS and SHOW TABLES list what exists")
        })
    }

    /// A persistent query. Ids are upper-case except where the sink's name was quoted; either spelling
    /// is taken.
    ///
    /// # Errors
    /// `NotFound`, with what it may have been meant to be.
    pub fn query(&self, id: &str) -> Result<&Arc<QueryRecord>> {
        let found = self.queries.values().find(|query| query.id.eq_ignore_ascii_case(id));
        found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("Unknown queryId: {id}"))
                .with_suggestion(id, self.queries.keys().map(String::as_str))
                .or_hint("SHOW QUERIES lists what runs")
        })
    }

    /// Names of the columns that sources have now.
    #[must_use]
    pub fn columns_of(&self, sources: &[String]) -> BTreeMap<String, Vec<String>> {
        let found = sources.iter().filter_map(|name| self.sources.get_key_value(name));
        let columns = |source: &CatalogSource| -> Vec<String> {
            source.source.columns.iter().map(|column| column.name.clone()).collect()
        };
        found.map(|(name, source)| (name.clone(), columns(source))).collect()
    }

    /// What a query sees: the sources that it reads, with the columns they had when it was made. Columns are
    /// only ever added to a source that is read, so that nothing else of it has changed.
    #[must_use]
    pub fn as_seen_by(self: &Arc<CatalogState>, query: &QueryRecord) -> Arc<CatalogState> {
        let mut seen: Option<CatalogState> = None;
        for (name, columns) in &query.columns_seen {
            let grown = |found: &&Arc<CatalogSource>| found.source.columns.len() > columns.len();
            let Some(found) = self.sources.get(name).filter(grown) else { continue };
            let mut source = Source::clone(&found.source);
            source.columns.retain(|column| columns.contains(&column.name));
            let found = CatalogSource { source: Arc::new(source), ..CatalogSource::clone(found) };
            let seen = seen.get_or_insert_with(|| CatalogState::clone(self));
            seen.sources.insert(name.clone(), Arc::new(found));
        }
        seen.map_or_else(|| self.clone(), Arc::new)
    }

    /// Ids of the queries that read a source.
    #[must_use]
    pub fn readers(&self, source: &str) -> Vec<&str> {
        let reads = |query: &&Arc<QueryRecord>| query.sources.iter().any(|name| name == source);
        self.queries.values().filter(reads).map(|query| query.id.as_str()).collect()
    }

    /// Ids of the queries that write a source.
    #[must_use]
    pub fn writers(&self, source: &str) -> Vec<&str> {
        self.queries.values().filter(|query| query.sink == source).map(|query| query.id.as_str()).collect()
    }

    /// The next oid.
    pub fn take_oid(&mut self) -> u32 {
        self.next_oid = self.next_oid.max(FIRST_OID);
        self.next_oid += 1;
        self.next_oid - 1
    }

    /// The next query number; numbers are never used again, because state is stored under them.
    pub fn take_query_number(&mut self) -> u64 {
        self.next_query += 1;
        self.next_query
    }
}

/// The stored catalog.
pub struct Catalog {
    store: Arc<dyn StateStore>,
    state: RwLock<Arc<CatalogState>>,
    changing: Mutex<()>,
}

impl Catalog {
    /// Reads what is stored.
    ///
    /// # Errors
    /// `Corrupt`, naming the record.
    pub fn open(store: Arc<dyn StateStore>) -> Result<Catalog> {
        let mut state = CatalogState::default();
        let snapshot = store.snapshot();
        for entry in snapshot.scan(state_keys::catalog_class(Class::Source as u8)) {
            let source = record::read::<SourceRecord>(&entry?.1)?.into_source()?;
            state.sources.insert(source.source.name.clone(), Arc::new(source));
        }
        for entry in snapshot.scan(state_keys::catalog_class(Class::Query as u8)) {
            let query = record::read::<QueryRecord>(&entry?.1)?;
            state.queries.insert(query.id.clone(), Arc::new(query));
        }
        for entry in snapshot.scan(state_keys::catalog_class(Class::Type as u8)) {
            let custom = record::read::<TypeRecord>(&entry?.1)?;
            state.types.insert(custom.name.clone(), record::parse_type(&custom.data_type)?);
        }
        for entry in snapshot.scan(state_keys::catalog_class(Class::Function as u8)) {
            let function = record::read::<FunctionRecord>(&entry?.1)?.into_function()?;
            state.functions.insert(function.name.clone(), Arc::new(function));
        }
        if let Some(bytes) = store.get(&state_keys::catalog(Class::Sequence as u8, ""))? {
            let sequence = record::read::<SequenceRecord>(&bytes)?;
            (state.next_oid, state.next_query) = (sequence.next_oid, sequence.next_query);
        }
        Ok(Catalog { store, state: RwLock::new(Arc::new(state)), changing: Mutex::new(()) })
    }

    /// What exists now.
    #[must_use]
    pub fn state(&self) -> Arc<CatalogState> {
        self.state.read().clone()
    }

    /// Notes for queries of earlier versions which columns they see: all that their sources have by now
    /// (blocking).
    ///
    /// # Errors
    /// Those of the disk.
    pub fn complete_queries(&self) -> Result<()> {
        let is_incomplete =
            |query: &&Arc<QueryRecord>| query.columns_seen.is_empty() && !query.sources.is_empty();
        if !self.state().queries.values().any(|query| is_incomplete(&query)) {
            return Ok(());
        }
        self.change(|state, _| {
            let incomplete: Vec<Arc<QueryRecord>> =
                state.queries.values().filter(is_incomplete).cloned().collect();
            for query in incomplete {
                let columns_seen = state.columns_of(&query.sources);
                let query = QueryRecord { columns_seen, ..query.as_ref().clone() };
                state.queries.insert(query.id.clone(), Arc::new(query));
            }
            Ok(())
        })
    }

    /// Whether what earlier versions left was changed as `name` says.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn has_upgrade(&self, name: &str) -> Result<bool> {
        Ok(self.store.get(&state_keys::catalog(Class::Upgrade as u8, name))?.is_some())
    }

    /// Keeps a change of what earlier versions left from being made again (blocking).
    ///
    /// # Errors
    /// Those of the disk.
    pub fn record_upgrade(&self, name: &str) -> Result<()> {
        let mut batch = WriteBatch::default();
        batch.put(state_keys::catalog(Class::Upgrade as u8, name), Vec::<u8>::new());
        Ok(self.store.write(&batch, Durability::Synced)?)
    }

    /// Changes what exists (blocking): `change` makes the new state from the old one, and may add to
    /// the write batch what has to change with it. Nothing happens if it fails. Changes come one
    /// after the other.
    ///
    /// # Errors
    /// Those of `change`, and of the disk.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut CatalogState, &mut WriteBatch) -> Result<T>,
    ) -> Result<T> {
        let _one_at_a_time = self.changing.lock();
        let old = self.state();
        let mut new = CatalogState::clone(&old);
        let mut batch = WriteBatch::default();
        let result = change(&mut new, &mut batch)?;
        write_differences(&old, &new, &mut batch)?;
        if !batch.is_empty() {
            self.store.write(&batch, Durability::Synced)?;
        }
        *self.state.write() = Arc::new(new);
        Ok(result)
    }
}

/// Puts what is new or different, deletes what is gone.
fn write_differences(old: &CatalogState, new: &CatalogState, batch: &mut WriteBatch) -> Result<()> {
    differences(&old.sources, &new.sources, Class::Source, batch, Arc::ptr_eq, |source| {
        record::write(&SourceRecord::from_source(source)?)
    })?;
    differences(&old.queries, &new.queries, Class::Query, batch, Arc::ptr_eq, |query| {
        record::write(query.as_ref())
    })?;
    differences(&old.functions, &new.functions, Class::Function, batch, Arc::ptr_eq, |function| {
        record::write(&FunctionRecord::from_function(function))
    })?;
    let named: BTreeMap<String, TypeRecord> = named_types(&new.types)?;
    differences(&named_types(&old.types)?, &named, Class::Type, batch, PartialEq::eq, record::write)?;
    if (old.next_oid, old.next_query) != (new.next_oid, new.next_query) {
        let record = SequenceRecord { next_oid: new.next_oid, next_query: new.next_query };
        batch.put(state_keys::catalog(Class::Sequence as u8, ""), record::write(&record)?);
    }
    Ok(())
}

fn differences<T>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    class: Class,
    batch: &mut WriteBatch,
    same: impl Fn(&T, &T) -> bool,
    write: impl Fn(&T) -> Result<Vec<u8>>,
) -> Result<()> {
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        batch.delete(state_keys::catalog(class as u8, name));
    }
    for (name, item) in new {
        if !old.get(name).is_some_and(|before| same(before, item)) {
            batch.put(state_keys::catalog(class as u8, name), write(item)?);
        }
    }
    Ok(())
}

fn named_types(types: &BTreeMap<String, DataType>) -> Result<BTreeMap<String, TypeRecord>> {
    let named = |(name, custom): (&String, &DataType)| {
        Ok((name.clone(), TypeRecord { name: name.clone(), data_type: record::print_type(custom)? }))
    };
    types.iter().map(named).collect()
}

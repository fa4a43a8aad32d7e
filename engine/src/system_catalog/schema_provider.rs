//! The system's schemas as DataFusion asks for them: a table is made when it is first read.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use parking_lot::Mutex;

use super::knowledge::Knowledge;
use super::rows::{batch, schema};
use super::tables::{self, SystemSchema};

/// The catalog of both schemas.
#[derive(Debug)]
pub(super) struct SystemSchemas {
    schemas: [Arc<SystemTables>; 2],
}

impl SystemSchemas {
    pub(super) fn new(knowledge: &Arc<Knowledge>) -> SystemSchemas {
        let of = |schema| {
            Arc::new(SystemTables { schema, knowledge: knowledge.clone(), made: Mutex::new(HashMap::new()) })
        };
        SystemSchemas { schemas: [of(SystemSchema::PgCatalog), of(SystemSchema::InformationSchema)] }
    }
}

impl CatalogProvider for SystemSchemas {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.iter().map(|tables| tables.schema.name().to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let tables = self.schemas.iter().find(|tables| tables.schema.name() == name)?;
        Some(tables.clone())
    }
}

/// The tables of one schema, and those made so far.
struct SystemTables {
    schema: SystemSchema,
    knowledge: Arc<Knowledge>,
    made: Mutex<HashMap<String, Arc<MemTable>>>,
}

impl fmt::Debug for SystemTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemTables").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl SchemaProvider for SystemTables {
    fn table_names(&self) -> Vec<String> {
        tables::all().filter(|table| table.schema == self.schema).map(|table| table.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.made.lock().get(name) {
            return Ok(Some(table.clone()));
        }
        let Some(table) = tables::find(self.schema, name) else {
            return Ok(None);
        };
        let columns = table.columns();
        let rows = batch(&columns, &table.rows(&self.knowledge.snapshot))
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let table = Arc::new(MemTable::try_new(schema(&columns), vec![vec![rows]])?);
        self.made.lock().insert(name.to_owned(), table.clone());
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        tables::find(self.schema, name).is_some()
    }
}

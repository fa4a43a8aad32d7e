//! A world in memory: sources are there once they are planned.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_expr::ScalarUDF;
use tidemill_sql::error::SqlError;
use tidemill_sql::lookup::{
    AggregateFunction, Lookup, RecordPart, SchemaInquiry, Source, SourceColumn, UserFunction,
};
use tidemill_sql::parser::ast::{Emit, SelectStatement, Statement};
use tidemill_sql::parser::parse;
use tidemill_sql::planner::{
    Purpose, check_upgrade, plan_alter_source, plan_create_as_select, plan_create_function,
    plan_create_source, plan_insert_select, plan_insert_values, plan_query,
};

use crate::functions::{aggregate_function, aggregate_names, scalar_function, scalar_names, table_function};
use crate::show;

/// Sources, types and settings of one block.
#[derive(Default)]
pub(crate) struct MemoryLookup {
    sources: BTreeMap<String, Arc<Source>>,
    types: BTreeMap<String, DataType>,
    functions: BTreeMap<String, Arc<UserFunction>>,
    properties: BTreeMap<String, String>,
}

impl MemoryLookup {
    /// Plans statements one after the other and shows the last.
    pub(crate) fn run(&mut self, statements: &str) -> Result<String, SqlError> {
        let mut shown = String::new();
        for parsed in parse(statements)? {
            shown = self.run_one(parsed.statement)?;
        }
        Ok(shown)
    }

    fn run_one(&mut self, statement: Statement) -> Result<String, SqlError> {
        match statement {
            Statement::CreateSource(create) => {
                let planned = plan_create_source(&create, self)?;
                if let Some(before) = self.sources.get(&planned.source.name) {
                    check_upgrade(before, &planned.source)?;
                }
                let shown = show::source(&planned.source);
                self.sources.insert(planned.source.name.clone(), Arc::new(planned.source));
                Ok(shown)
            }
            Statement::CreateAsSelect(create) => {
                let planned = plan_create_as_select(&create, self)?;
                let shown = format!("{}\n{}", show::source(&planned.sink), show::query(&planned.query));
                self.sources.insert(planned.sink.name.clone(), Arc::new(planned.sink));
                Ok(shown)
            }
            Statement::InsertSelect(insert) => {
                let planned = plan_insert_select(&insert, self)?;
                Ok(format!("into {}\n{}", planned.target.name, show::query(&planned.query)))
            }
            Statement::InsertValues(insert) => Ok(show::rows(&plan_insert_values(&insert, self)?)),
            Statement::Query(select) => self.query(&select),
            Statement::CreateType { name, data_type, .. } => {
                self.types.insert(name.value, data_type.to_arrow()?);
                Ok(String::new())
            }
            Statement::AlterSource(alter) => {
                let planned = plan_alter_source(&alter, self)?;
                let shown = show::source(&planned.after);
                self.sources.insert(planned.after.name.clone(), Arc::new(planned.after));
                Ok(shown)
            }
            Statement::CreateFunction(create) => {
                let function = plan_create_function(&create, self)?;
                let shown = format!("{} returns {}", function.signature(), function.returns);
                self.functions.insert(function.name.clone(), Arc::new(function));
                Ok(shown)
            }
            Statement::Set(set) => {
                let value = set.values.first().map(|value| value.as_text()).unwrap_or_default();
                self.properties.insert(set.name, value);
                Ok(String::new())
            }
            other => panic!("not planned here: {other:?}"),
        }
    }

    fn query(&self, select: &SelectStatement) -> Result<String, SqlError> {
        let purpose = match select.emit {
            Some(Emit::Changes | Emit::Final) => Purpose::Push,
            None => Purpose::Pull,
        };
        plan_query(select, self, &purpose).map(|query| show::query(&query))
    }
}

impl Lookup for MemoryLookup {
    fn source(&self, name: &str) -> Option<Arc<Source>> {
        self.sources.get(name).cloned()
    }

    fn source_names(&self) -> Vec<String> {
        self.sources.keys().cloned().collect()
    }

    fn scalar_function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        scalar_function(name)
    }

    fn table_function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        table_function(name)
    }

    fn aggregate_function(&self, name: &str) -> Option<Arc<dyn AggregateFunction>> {
        aggregate_function(name)
    }

    fn function_names(&self) -> Vec<String> {
        scalar_names().chain(aggregate_names()).map(str::to_owned).collect()
    }

    fn user_function(&self, name: &str) -> Option<Arc<UserFunction>> {
        self.functions.get(name).cloned()
    }

    fn custom_type(&self, name: &str) -> Option<DataType> {
        self.types.get(name).cloned()
    }

    fn custom_type_names(&self) -> Vec<String> {
        self.types.keys().cloned().collect()
    }

    fn property(&self, name: &str) -> Option<String> {
        self.properties.get(name).cloned()
    }

    fn lenient_names(&self) -> bool {
        self.properties.get("names").is_some_and(|names| names == "lenient")
    }

    fn topic_partitions(&self, _topic: &str) -> Option<u32> {
        None
    }

    fn inferred_columns(&self, inquiry: &SchemaInquiry<'_>) -> Result<Vec<SourceColumn>, SqlError> {
        let SchemaInquiry { topic, part, .. } = inquiry;
        let columns: &[(&str, DataType)] = match (*topic, part) {
            ("registered", RecordPart::Key) => &[("ROWKEY", DataType::Int32)],
            ("registered", RecordPart::Value) => &[("c1", DataType::Int32), ("c2", DataType::Utf8)],
            _ => &[],
        };
        if columns.is_empty() {
            let message = format!("no schema is registered for topic '{topic}'");
            return Err(SqlError::invalid(message));
        }
        let column = |(name, data_type): &(&str, DataType)| SourceColumn {
            name: (*name).to_owned(),
            data_type: data_type.clone(),
            role: part.column_role(),
        };
        Ok(columns.iter().map(column).collect())
    }
}

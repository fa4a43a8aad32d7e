//! What the planner may ask, answered from one state of the catalog and one session's settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use tidemill_sql::SqlError;
use tidemill_sql::lookup::{
    AggregateFunction, LambdaFunction, Lookup, SchemaInquiry, Source, SourceColumn, UserFunction,
};
use tidemill_storage::TopicName;
use tidemill_storage::log::Log;

use crate::catalog::CatalogState;
use crate::registry::SchemaRegistry;
use crate::time::java_pattern::JavaPattern;
use crate::{aggregates, formats, functions};

/// The planner's view of the world.
pub struct EngineLookup {
    /// What exists.
    pub catalog: Arc<CatalogState>,
    /// The session's settings, by lower-case name.
    pub settings: BTreeMap<String, String>,
    /// The topics.
    pub log: Arc<dyn Log>,
    /// The schemas of their records.
    pub schemas: SchemaRegistry,
    /// Whether a quoted name that does not exist is tried in upper case.
    pub lenient_names: bool,
}

impl Lookup for EngineLookup {
    fn source(&self, name: &str) -> Option<Arc<Source>> {
        self.catalog.sources.get(name).map(|found| found.source.clone())
    }

    fn source_names(&self) -> Vec<String> {
        self.catalog.sources.keys().cloned().collect()
    }

    fn scalar_function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        functions::lookup(name)
    }

    fn lambda_function(&self, name: &str) -> Option<Arc<dyn LambdaFunction>> {
        functions::lookup_lambda(name)
    }

    fn table_function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        functions::lookup_table(name)
    }

    fn aggregate_function(&self, name: &str) -> Option<Arc<dyn AggregateFunction>> {
        aggregates::lookup(name).map(|function| Arc::new(*function) as Arc<dyn AggregateFunction>)
    }

    fn function_names(&self) -> Vec<String> {
        let declared = functions::names();
        let aggregates = aggregates::all().iter().map(|function| function.name.to_owned());
        declared.into_iter().chain(aggregates).chain(self.catalog.functions.keys().cloned()).collect()
    }

    fn user_function(&self, name: &str) -> Option<Arc<UserFunction>> {
        self.catalog.functions.get(name).cloned()
    }

    fn reads_only(&self, name: &str) -> bool {
        functions::is_general(name)
    }

    fn custom_type(&self, name: &str) -> Option<DataType> {
        self.catalog.types.get(name).cloned()
    }

    fn custom_type_names(&self) -> Vec<String> {
        self.catalog.types.keys().cloned().collect()
    }

    fn property(&self, name: &str) -> Option<String> {
        self.settings.get(&name.to_lowercase()).cloned()
    }

    fn lenient_names(&self) -> bool {
        self.lenient_names
    }

    fn topic_partitions(&self, topic: &str) -> Option<u32> {
        let topic = self.log.topic(&TopicName::new(topic).ok()?)?;
        Some(topic.settings.partitions)
    }

    fn check_time_pattern(&self, pattern: &str) -> Result<(), String> {
        JavaPattern::parse(pattern).map(drop).map_err(|error| error.message)
    }

    fn inferred_columns(&self, inquiry: &SchemaInquiry<'_>) -> Result<Vec<SourceColumn>, SqlError> {
        formats::inferred_columns(&self.schemas, inquiry)
    }
}

//! Expressions as statements write them, planned and evaluated as queries do, for the tests of functions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use datafusion::common::{DFSchema, TableReference};
use datafusion::logical_expr::ScalarUDF;
use tidemill_sql::SqlError;
use tidemill_sql::analyzer::clause::Clause;
use tidemill_sql::analyzer::lower::{Lowering, Typed};
use tidemill_sql::analyzer::resolve::Resolver;
use tidemill_sql::analyzer::scope::{Scope, ScopeSource};
use tidemill_sql::lookup::{
    AggregateFunction, ColumnRole, FormatSpec, LambdaFunction, Lookup, SchemaInquiry, Source, SourceColumn,
    SourceKind,
};
use tidemill_sql::parser::parse_expression;

use super::cast_text::to_texts;
use crate::expressions::{CompiledExpression, Failure};

/// A world of functions alone.
struct Functions;

impl Lookup for Functions {
    fn source(&self, _: &str) -> Option<Arc<Source>> {
        None
    }

    fn source_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn scalar_function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        // Here a table function gives the list of its rows.
        super::lookup(name).or_else(|| super::lookup_table(name))
    }

    fn lambda_function(&self, name: &str) -> Option<Arc<dyn LambdaFunction>> {
        super::lookup_lambda(name)
    }

    fn aggregate_function(&self, _: &str) -> Option<Arc<dyn AggregateFunction>> {
        None
    }

    fn function_names(&self) -> Vec<String> {
        super::names()
    }

    fn inferred_columns(&self, _: &SchemaInquiry<'_>) -> Result<Vec<SourceColumn>, SqlError> {
        Ok(Vec::new())
    }

    fn custom_type(&self, _: &str) -> Option<DataType> {
        None
    }

    fn property(&self, _: &str) -> Option<String> {
        None
    }

    fn topic_partitions(&self, _: &str) -> Option<u32> {
        None
    }
}

/// The stream whose columns expressions name.
const SOURCE: &str = "ROWS";

fn plan(columns: &[(&str, ArrayRef)], expression: &str) -> Result<Typed, SqlError> {
    let format = FormatSpec::named("JSON");
    let column = |(name, values): &(&str, ArrayRef)| {
        SourceColumn::new(name, values.data_type().clone(), ColumnRole::Value)
    };
    let source = Source {
        name: SOURCE.to_owned(),
        kind: SourceKind::Stream,
        columns: columns.iter().map(column).collect(),
        topic: SOURCE.to_owned(),
        partitions: 1,
        key_format: format.clone(),
        value_format: format,
        window: None,
        timestamp: None,
        read_only: false,
    };
    let sources = vec![ScopeSource::new(SOURCE.to_owned(), Arc::new(source))?];
    let scope = Scope { sources, ..Scope::default() };
    let (clause, lookup) = (Clause::Select, &Functions);
    let resolver = Resolver { scope: &scope, clause, lookup, variables: &[] };
    let resolved = resolver.resolve(&parse_expression(expression)?)?;
    Lowering { scope: &scope, clause, lookup, substitutions: &[], variables: &[] }.lower(&resolved)
}

/// The values of an expression over columns, and why rows have none.
pub(super) fn evaluate_over(columns: &[(&str, ArrayRef)], expression: &str) -> (ArrayRef, Vec<String>) {
    let typed = plan(columns, expression).unwrap_or_else(|error| panic!("{expression}: {}", error.message));
    let (values, failures) = evaluate_planned(columns, expression, &typed);
    (values, failures.into_iter().map(|failure| failure.cause).collect())
}

/// What people are told of the rows for which an expression has no value.
pub(super) fn failure_reasons(columns: &[(&str, ArrayRef)], expression: &str) -> Vec<String> {
    let typed = plan(columns, expression).unwrap_or_else(|error| panic!("{expression}: {}", error.message));
    let (_, failures) = evaluate_planned(columns, expression, &typed);
    failures.into_iter().map(|failure| failure.reason).collect()
}

fn evaluate_planned(
    columns: &[(&str, ArrayRef)],
    expression: &str,
    typed: &Typed,
) -> (ArrayRef, Vec<Failure>) {
    let fields: Vec<Field> =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true)).collect();
    let schema = Schema::new(fields);
    let batch =
        RecordBatch::try_new(Arc::new(schema.clone()), columns.iter().map(|(_, v)| v.clone()).collect());
    let named = DFSchema::try_from_qualified_schema(TableReference::bare(SOURCE), &schema)
        .expect("names of their own");
    let compiled =
        CompiledExpression::new(&typed.expr, &named).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let mut failures = Vec::new();
    let values = compiled
        .evaluate(&batch.expect("columns of one length"), &mut failures)
        .unwrap_or_else(|error| panic!("{expression}: {error}"));
    (values, failures)
}

/// The type and the text of an expression without columns, and why it has no value.
pub(super) fn evaluate(expression: &str) -> (String, Option<String>, Vec<String>) {
    let row = [("ONE", Arc::new(Int32Array::from(vec![1])) as ArrayRef)];
    let typed = plan(&row, expression).unwrap_or_else(|error| panic!("{expression}: {}", error.message));
    let data_type = typed.data_type.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string);
    let (values, failures) = evaluate_planned(&row, expression, &typed);
    let text = match values.data_type() {
        // As text a TIME loses its milliseconds.
        DataType::Time32(_) if values.is_valid(0) => Some(array_value_to_string(&values, 0).expect("a time")),
        _ => {
            let texts = to_texts(&values).expect("texts");
            texts.as_string::<i32>().iter().next().flatten().map(str::to_owned)
        }
    };
    (data_type, text, failures.into_iter().map(|failure| failure.cause).collect())
}

/// Asserts types and texts of expressions without columns.
pub(super) fn assert_values(expected: &[(&str, &str, Option<&str>)]) {
    for (expression, data_type, text) in expected {
        let (found_type, found, failures) = evaluate(expression);
        assert_eq!(found_type, *data_type, "type of {expression}");
        assert_eq!(found.as_deref(), *text, "{expression} {failures:?}");
    }
}

/// The first line of what is said of an expression that cannot be planned.
pub(super) fn refusal(expression: &str) -> String {
    match plan(&[], expression) {
        Ok(typed) => panic!("{expression} is {typed:?}"),
        Err(error) => error.message.lines().next().unwrap_or_default().to_owned(),
    }
}

//! Running queries on the catalogs.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, Expr, Query, Value, ValueWithSpan, VisitMut, Visitor, VisitorMut,
};
use futures::StreamExt;

use super::functions::constant;
use super::knowledge::Knowledge;
use super::planning::{add_function, plan, state};
use super::postgres_type::{element_type, oid_of_name};
use super::recognition::CatalogQuery;
use super::rewrite::{rewrite, shown_name};
use super::snapshot::CatalogSnapshot;
use crate::error::{Error, Result};
use crate::response::Rows;

/// The catalogs of one moment.
pub struct SystemCatalog {
    state: SessionState,
}

impl SystemCatalog {
    /// The catalogs that tell about a snapshot.
    ///
    /// # Errors
    /// None that a snapshot could cause.
    pub fn new(snapshot: CatalogSnapshot) -> Result<SystemCatalog> {
        let state = state(&Arc::new(Knowledge::new(snapshot)))?;
        Ok(SystemCatalog { state })
    }

    /// Tells a query's parameters, as far as they can be told, and its columns.
    ///
    /// # Errors
    /// Everything that is wrong with the query.
    pub fn prepare(
        &self,
        query: &CatalogQuery,
        given: &[Option<DataType>],
    ) -> Result<(Vec<Option<DataType>>, SchemaRef)> {
        let mut types = parameter_casts(&query.query);
        for (index, given) in given.iter().enumerate() {
            if index >= types.len() {
                types.push(None);
            }
            if given.is_some() {
                types[index].clone_from(given);
            }
        }
        if types.iter().any(Option::is_none) {
            // What is compared with something takes its type.
            let known =
                |index: usize| types.get(index).and_then(Option::as_ref).map(ScalarValue::try_new_null);
            let (_, plan) = self.plan(query, known)?;
            for (name, inferred) in plan.get_parameter_types()? {
                if let Some(index) = parameter_index(&name)
                    && let Some(unknown @ None) = types.get_mut(index)
                {
                    *unknown = inferred;
                }
            }
        }
        let value = |index: usize| {
            types.get(index).map(|known| ScalarValue::try_new_null(known.as_ref().unwrap_or(&DataType::Utf8)))
        };
        let (_, plan) = self.plan(query, value)?;
        Ok((types.clone(), shown_schema(plan.schema().as_arrow())))
    }

    /// Runs a query with values for its parameters.
    ///
    /// # Errors
    /// Everything that is wrong with the query.
    pub async fn execute(&self, query: &CatalogQuery, parameters: &[ScalarValue]) -> Result<Rows> {
        let (state, plan) = self.plan(query, |index| parameters.get(index).cloned().map(Ok))?;
        let physical = state.create_physical_plan(&plan).await?;
        let stream = execute_stream(physical, state.task_ctx())?;
        let schema = shown_schema(&stream.schema());
        let shown = schema.clone();
        let stream = stream.filter_map(move |batch| {
            let shown = shown.clone();
            async move {
                match batch {
                    Ok(batch) if batch.num_rows() == 0 => None,
                    Ok(batch) => Some(renamed(&batch, shown)),
                    Err(error) => Some(Err(Error::from(error))),
                }
            }
        });
        Ok(Rows::finite(schema, stream.boxed()))
    }

    /// The plan of a query with values for some of its parameters, and what to run it with.
    fn plan(
        &self,
        query: &CatalogQuery,
        parameter: impl Fn(usize) -> Option<datafusion::common::Result<ScalarValue>>,
    ) -> Result<(SessionState, LogicalPlan)> {
        let mut state = self.state.clone();
        // What `now()` and its like give: the beginning of the statement, in its subqueries too.
        state.mark_start_execution();
        let mut query = query.query.as_ref().clone();
        let mut binder = ParameterBinder { parameter, state: &mut state };
        if let ControlFlow::Break(error) = query.visit(&mut binder) {
            return Err(Error::from(error));
        }
        rewrite(&mut query);
        let plan = plan(&mut state, query, 0)?;
        Ok((state, plan))
    }
}

/// Puts a function that gives its value in the place of a parameter.
struct ParameterBinder<'a, P> {
    parameter: P,
    state: &'a mut SessionState,
}

impl<P> VisitorMut for ParameterBinder<'_, P>
where
    P: Fn(usize) -> Option<datafusion::common::Result<ScalarValue>>,
{
    type Break = DataFusionError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<DataFusionError> {
        let Some(index) = placeholder(expr) else {
            return ControlFlow::Continue(());
        };
        let added = match (self.parameter)(index) {
            None => return ControlFlow::Continue(()),
            Some(value) => value.and_then(|value| {
                let name = format!("parameter_{index}");
                *expr = super::rewrite::constant_call(&name);
                add_function(self.state, constant(name, value))
            }),
        };
        match added {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// The place of a parameter, counted from 0.
fn placeholder(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => parameter_index(name),
        _ => None,
    }
}

fn parameter_index(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// The types that casts give to parameters: `$1::oid[]`. There is an entry for each parameter.
fn parameter_casts(query: &Query) -> Vec<Option<DataType>> {
    #[derive(Default)]
    struct Casts(Vec<Option<DataType>>);

    impl Casts {
        fn note(&mut self, index: usize, data_type: Option<DataType>) {
            if index >= self.0.len() && index < PARAMETERS_MAX {
                self.0.resize(index + 1, None);
            }
            if let (Some(known), Some(data_type)) = (self.0.get_mut(index), data_type) {
                *known = Some(data_type);
            }
        }
    }

    impl Visitor for Casts {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Some(index) = placeholder(expr) {
                self.note(index, None);
            }
            if let Expr::Cast { expr, data_type, .. } = expr
                && let Some(index) = placeholder(expr)
            {
                self.note(index, cast_type(data_type));
            }
            ControlFlow::Continue(())
        }
    }

    let mut casts = Casts::default();
    let _ = ast::Visit::visit(query, &mut casts);
    casts.0
}

/// Parameters of one statement, as the protocol counts them.
const PARAMETERS_MAX: usize = 65_535;

/// The Arrow type of a type named in SQL.
fn cast_type(data_type: &ast::DataType) -> Option<DataType> {
    let oid = oid_of_name(&data_type.to_string())?;
    if let Some(element) = element_type(oid) {
        return arrow_type(element.name).map(|element| DataType::new_list(element, true));
    }
    super::postgres_type::base_type(oid).and_then(|base| arrow_type(base.name))
}

fn arrow_type(name: &str) -> Option<DataType> {
    Some(match name {
        "bool" => DataType::Boolean,
        "int2" => DataType::Int16,
        "int4" => DataType::Int32,
        "int8" => DataType::Int64,
        "oid" => DataType::UInt32,
        "float4" => DataType::Float32,
        "float8" => DataType::Float64,
        "text" | "name" | "varchar" | "bpchar" | "char" => DataType::Utf8,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => return None,
    })
}

fn shown_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_name(shown_name(field.name())).with_nullable(true))
        .collect();
    Arc::new(Schema::new(fields))
}

fn renamed(batch: &RecordBatch, schema: SchemaRef) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &options)?)
}

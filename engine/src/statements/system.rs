//! Queries on pg_catalog and information_schema, and functions that ask about the session.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::ScalarUDF;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Query;
use tidemill_sql::lookup::{ColumnRole, Source, SourceKind, UserFunction};
use tidemill_sql::plan::source::window_bounds;
use tidemill_sql::type_system::SqlType;

use crate::aggregates::{self, Shape};
use crate::error::Result;
use crate::response::Response;
use crate::session::Session;
use crate::statements::settings::SETTINGS;
use crate::system_catalog::{
    CatalogColumn, CatalogFunction, CatalogQuery, CatalogRelation, CatalogSetting, CatalogSnapshot,
    FunctionKind, FunctionType, RelationKind, SystemCatalog,
};
use crate::{names, system_catalog};

/// Parameters and columns of a query on the catalogs.
///
/// # Errors
/// Everything that is wrong with the query.
pub fn prepare(
    session: &Session,
    query: &CatalogQuery,
    parameters: &[Option<DataType>],
) -> Result<(Vec<Option<DataType>>, SchemaRef)> {
    SystemCatalog::new(snapshot(session))?.prepare(query, parameters)
}

/// Runs a query on the catalogs.
///
/// # Errors
/// Everything that is wrong with the query.
pub async fn execute(
    session: &mut Session,
    query: &CatalogQuery,
    parameters: &[ScalarValue],
) -> Result<Response> {
    for (name, value) in query.settings(parameters) {
        session.set(&name, &value)?;
    }
    Ok(Response::Rows(SystemCatalog::new(snapshot(session))?.execute(query, parameters).await?))
}

/// The functions about server and session that a query on streams and tables calls.
#[must_use]
pub fn session_functions(session: &Session, query: &Query) -> Vec<ScalarUDF> {
    system_catalog::session_functions(query, || snapshot(session))
}

/// What the catalogs tell about, as the session sees it.
fn snapshot(session: &Session) -> CatalogSnapshot {
    let options = session.options();
    let shown = |name: &str| names::shown(options.dialect, name);
    let catalog = session.engine().catalog().state();
    let relations = catalog
        .sources
        .values()
        .map(|found| CatalogRelation {
            oid: found.oid,
            name: shown(&found.source.name),
            kind: match found.source.kind {
                SourceKind::Stream => RelationKind::Stream,
                SourceKind::Table => RelationKind::Table,
            },
            columns: columns(&found.source, &shown),
            comment: Some(found.statement.clone()).filter(|statement| !statement.is_empty()),
        })
        .collect();
    // Those of the dialect come first, so that their numbers stay.
    let mut functions = aggregate_functions(&shown);
    functions.extend(catalog.functions.values().filter_map(|function| user_function(function, &shown)));
    let declared = SETTINGS.iter().map(|setting| CatalogSetting {
        name: setting.name.to_owned(),
        value: session.setting(setting.name).unwrap_or_default(),
        description: setting.description.to_owned(),
    });
    let foreign = session.foreign_settings().map(|(name, value)| CatalogSetting {
        name: name.to_owned(),
        value: value.to_owned(),
        description: "Kept for the client.".to_owned(),
    });
    let settings = declared.chain(foreign).collect();
    CatalogSnapshot {
        database: options.database.clone(),
        user: options.user.clone(),
        backend_id: options.backend_id,
        relations,
        functions,
        settings,
    }
}

/// The columns that `SELECT *` gives.
fn columns(source: &Source, shown: &impl Fn(&str) -> String) -> Vec<CatalogColumn> {
    let column = |name: &str, data_type: &DataType, is_key: bool| CatalogColumn {
        name: shown(name),
        data_type: data_type.clone(),
        is_key,
        comment: None,
    };
    let declared = source
        .columns
        .iter()
        .map(|declared| column(&declared.name, &declared.data_type, declared.role == ColumnRole::Key));
    let bounds = window_bounds(source);
    declared.chain(bounds.iter().map(|(name, data_type)| column(name, data_type, true))).collect()
}

/// One entry for each form of a function.
fn aggregate_functions(shown: &impl Fn(&str) -> String) -> Vec<CatalogFunction> {
    let function_type = |shape: Shape| match shape {
        Shape::Of(data_type) => FunctionType::Of(data_type),
        Shape::Any => FunctionType::Any,
        Shape::ListOfAny => FunctionType::ArrayOfAny,
    };
    let entries = aggregates::all().iter().flat_map(|function| {
        function.overloads().map(|overload| CatalogFunction {
            name: shown(function.name),
            arguments: overload
                .arguments
                .into_iter()
                .map(|(name, shape)| (name.to_owned(), function_type(shape)))
                .collect(),
            result: function_type(overload.result),
            kind: FunctionKind::Aggregate,
            comment: Some(function.description.to_owned()),
        })
    });
    entries.collect()
}

/// A function made by CREATE FUNCTION; none where a type of it has no columns.
fn user_function(function: &UserFunction, shown: &impl Fn(&str) -> String) -> Option<CatalogFunction> {
    let function_type = |data_type: &SqlType| data_type.to_arrow().ok().map(FunctionType::Of);
    let arguments = function
        .parameters
        .iter()
        .map(|parameter| Some((shown(&parameter.name), function_type(&parameter.data_type)?)));
    Some(CatalogFunction {
        name: shown(&function.name),
        arguments: arguments.collect::<Option<_>>()?,
        result: function_type(&function.returns)?,
        kind: FunctionKind::Scalar,
        comment: Some(function.body.clone()),
    })
}

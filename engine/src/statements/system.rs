//! Queries on pg_catalog and information_schema, and functions that ask about the session.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;
use tidemill_sql::lookup::{ColumnRole, SourceKind};

use crate::error::Result;
use crate::response::Response;
use crate::session::Session;
use crate::statements::settings::SETTINGS;
use crate::system_catalog::{
    CatalogColumn, CatalogFunction, CatalogQuery, CatalogRelation, CatalogSetting, CatalogSnapshot,
    FunctionKind, RelationKind, SystemCatalog,
};
use crate::{aggregates, functions, names};

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
            columns: found
                .source
                .columns
                .iter()
                .map(|column| CatalogColumn {
                    name: shown(&column.name),
                    data_type: column.data_type.clone(),
                    is_key: column.role == ColumnRole::Key,
                    comment: None,
                })
                .collect(),
            comment: Some(found.statement.clone()).filter(|statement| !statement.is_empty()),
        })
        .collect();
    let function = |name: &str, kind: FunctionKind, comment: String| CatalogFunction {
        name: shown(name),
        arguments: String::new(),
        result: String::new(),
        kind,
        comment: Some(comment),
    };
    let scalars = functions::described().into_iter();
    let scalars = scalars.map(|(name, description)| function(&name, FunctionKind::Scalar, description));
    let aggregates = aggregates::all()
        .iter()
        .map(|aggregate| function(aggregate.name, FunctionKind::Aggregate, aggregate.description.to_owned()));
    let settings = SETTINGS
        .iter()
        .map(|setting| CatalogSetting {
            name: setting.name.to_owned(),
            value: session.setting(setting.name).unwrap_or_default(),
            description: setting.description.to_owned(),
        })
        .collect();
    CatalogSnapshot {
        database: options.database.clone(),
        user: options.user.clone(),
        backend_id: 0,
        relations,
        functions: scalars.chain(aggregates).collect(),
        settings,
    }
}

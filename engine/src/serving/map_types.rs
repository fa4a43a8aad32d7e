//! MAP as the target of a CAST: DataFusion's planner knows every other type of columns.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::DataType;
use tidemill_sql::type_system::SqlType;

use crate::error::Error;
use crate::serving::row_scan::external;

/// Plans it as columns have it.
#[derive(Debug)]
pub(super) struct MapTypes;

impl TypePlanner for MapTypes {
    fn plan_type_field(&self, written: &DataType) -> DfResult<Option<FieldRef>> {
        let DataType::Map(..) = written else { return Ok(None) };
        let map = SqlType::from_ast(written).and_then(|map| map.to_arrow());
        let map = map.map_err(|error| external(Error::from(error)))?;
        Ok(Some(Arc::new(Field::new("", map, true))))
    }
}

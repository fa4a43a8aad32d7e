//! Points in time that ROWTIME and the bounds of windows are compared with, which are milliseconds since the
//! epoch: written as text, `WHERE WINDOWSTART >= '2026-01-01T00:00'`, or of a type of time,
//! `WHERE ROWTIME > now() - INTERVAL '1 hour'`.
//!
//! As in continuous queries, a text is read as a time, in comparisons, BETWEEN and IN. It is done on the
//! plan: only the plan tells these columns from others that a query calls so.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, lit};
use tidemill_sql::analyzer::scope::is_time_column;
use tidemill_sql::analyzer::time_text::{TIMESTAMP_HELP, parse_timestamp};

use crate::error::{Error, ErrorKind};
use crate::serving::row_scan::external;

/// Reads the texts of a plan.
///
/// # Errors
/// `InvalidText` for a text that is no time.
pub(super) fn read(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(read_in_node)?.data)
}

fn read_in_node(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    // Columns keep the names that other nodes know them by.
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let read = expr.transform_up(|expr| read_in_expression(expr, &schema))?;
        Ok(read.update_data(|expr| name.restore(expr)))
    })
}

fn read_in_expression(mut expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let read = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            let compared_right = is_time(left, schema) && read_time(right, schema)?;
            compared_right || (is_time(right, schema) && read_time(left, schema)?)
        }
        Expr::Between(between) if is_time(&between.expr, schema) => {
            let low = read_time(&mut between.low, schema)?;
            read_time(&mut between.high, schema)? || low
        }
        Expr::InList(list) if is_time(&list.expr, schema) => {
            let mut read = false;
            for member in &mut list.list {
                read |= read_time(member, schema)?;
            }
            read
        }
        _ => false,
    };
    Ok(if read { Transformed::yes(expr) } else { Transformed::no(expr) })
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Puts milliseconds in the place of a text that is written out, or of a time; tells whether it is one.
fn read_time(expr: &mut Expr, schema: &DFSchema) -> DfResult<bool> {
    // The type of a parameter may not be known yet.
    let data_type = expr.get_type(schema).unwrap_or(DataType::Null);
    if !matches!(data_type, DataType::Timestamp(..) | DataType::Date32) {
        return read_text(expr);
    }
    let time = std::mem::replace(expr, lit(ScalarValue::Null));
    let millis = Expr::Cast(Cast::new(Box::new(time), DataType::Timestamp(TimeUnit::Millisecond, None)));
    *expr = Expr::Cast(Cast::new(Box::new(millis), DataType::Int64));
    Ok(true)
}

/// Puts the time in the place of a text that is written out; tells whether it is one.
fn read_text(expr: &mut Expr) -> DfResult<bool> {
    let Expr::Literal(value, _) = &*expr else { return Ok(false) };
    let (ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) = value else { return Ok(false) };
    let Some(millis) = parse_timestamp(text) else {
        let message = format!("invalid input syntax for type TIMESTAMP: \"{text}\"");
        return Err(external(Error::new(ErrorKind::InvalidText, message).with_hint(TIMESTAMP_HELP)));
    };
    *expr = lit(millis);
    Ok(true)
}

/// Whether an expression is a time column, or one with something added.
fn is_time(expr: &Expr, schema: &DFSchema) -> bool {
    match expr {
        Expr::Column(column) => {
            let is_number = |data_type: &DataType| *data_type == DataType::Int64;
            is_time_column(&column.name.to_uppercase())
                && schema.field_from_column(column).is_ok_and(|field| is_number(field.data_type()))
        }
        Expr::OuterReferenceColumn(field, column) => {
            is_time_column(&column.name.to_uppercase()) && *field.data_type() == DataType::Int64
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus | Operator::Minus, right }) => {
            is_time(left, schema) || is_time(right, schema)
        }
        _ => false,
    }
}

//! Which types a query over what is there now may compare.
//!
//! DataFusion compares a text with a number by turning one of them into the other, row by row: what is a
//! slip in the statement becomes an error of the data, or of none where no row is met. Here it is an error
//! of types when the query is planned, as in continuous queries and in PostgreSQL. A text that is written
//! out has no type of its own in PostgreSQL and is read as what it is compared with, if it can be.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use tidemill_sql::Position;
use tidemill_sql::analyzer::expression::Comparison;
use tidemill_sql::type_system::SqlType;

use crate::error::{Error, ErrorKind};
use crate::expressions::sql_text;
use crate::serving::row_scan::external;

/// Checks all comparisons of a plan.
///
/// # Errors
/// `Type` for two values that cannot be compared.
pub(super) fn check(plan: &LogicalPlan) -> DfResult<()> {
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        if let LogicalPlan::Join(join) = node {
            for (left, right) in &join.on {
                check_pair(left, Comparison::Equal, right, &schema)?;
            }
        }
        node.apply_expressions(|expression| expression.apply(|expression| check_one(expression, &schema)))
    })?;
    Ok(())
}

fn check_one(expression: &Expr, schema: &DFSchema) -> DfResult<TreeNodeRecursion> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            if let Some(operator) = comparison(*op) {
                check_pair(left, operator, right, schema)?;
            }
        }
        Expr::Between(between) => {
            check_pair(&between.expr, Comparison::GreaterThanOrEqual, &between.low, schema)?;
            check_pair(&between.expr, Comparison::LessThanOrEqual, &between.high, schema)?;
        }
        Expr::InList(list) => {
            for member in &list.list {
                check_pair(&list.expr, Comparison::Equal, member, schema)?;
            }
        }
        _ => {}
    }
    Ok(TreeNodeRecursion::Continue)
}

fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::LessThan,
        Operator::LtEq => Comparison::LessThanOrEqual,
        Operator::Gt => Comparison::GreaterThan,
        Operator::GtEq => Comparison::GreaterThanOrEqual,
        Operator::IsDistinctFrom => Comparison::IsDistinctFrom,
        Operator::IsNotDistinctFrom => Comparison::IsNotDistinctFrom,
        _ => return None,
    })
}

/// Types whose values compare with each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Number,
    Text,
    Boolean,
    Time,
}

/// The family of a type; `None` where it is left to DataFusion what compares.
fn family(data_type: &DataType) -> Option<Family> {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Some(Family::Text),
        DataType::Boolean => Some(Family::Boolean),
        DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => {
            Some(Family::Time)
        }
        number if number.is_numeric() => Some(Family::Number),
        _ => None,
    }
}

fn check_pair(left: &Expr, operator: Comparison, right: &Expr, schema: &DFSchema) -> DfResult<()> {
    // The type of a parameter may not be known yet.
    let (Ok(left_type), Ok(right_type)) = (left.get_type(schema), right.get_type(schema)) else {
        return Ok(());
    };
    let (Some(left_family), Some(right_family)) = (family(&left_type), family(&right_type)) else {
        return Ok(());
    };
    let is_text_and_time =
        matches!((left_family, right_family), (Family::Text, Family::Time) | (Family::Time, Family::Text));
    let fits = match (written_text(left), written_text(right)) {
        _ if left_family == right_family => true,
        (Some(text), _) => text.cast_to(&right_type).is_ok(),
        (_, Some(text)) => text.cast_to(&left_type).is_ok(),
        (None, None) => is_text_and_time,
    };
    if fits {
        return Ok(());
    }
    let message = format!(
        "Cannot compare {} ({}) to {} ({}) with {}.",
        sql_text(left),
        type_text(left, &left_type),
        sql_text(right),
        type_text(right, &right_type),
        operator.word()
    );
    let error = Error::new(ErrorKind::Type, message).with_hint(match (left_family, right_family) {
        (Family::Text, _) if written_text(left).is_some() => no_such_value(left, &right_type),
        (_, Family::Text) if written_text(right).is_some() => no_such_value(right, &left_type),
        (Family::Text, _) if matches!(right, Expr::Literal(..)) => in_quotes(right),
        (_, Family::Text) if matches!(left, Expr::Literal(..)) => in_quotes(left),
        _ => "CAST one of them to the type of the other".to_owned(),
    });
    Err(external(error.at(place(left).or_else(|| place(right)))))
}

/// The text that an expression is, where it is written out.
fn written_text(expression: &Expr) -> Option<&ScalarValue> {
    match expression {
        Expr::Literal(value @ (ScalarValue::Utf8(_) | ScalarValue::Utf8View(_)), _) => Some(value),
        _ => None,
    }
}

fn no_such_value(literal: &Expr, data_type: &DataType) -> String {
    format!("{} cannot be read as {}", sql_text(literal), sql_name(data_type))
}

fn in_quotes(literal: &Expr) -> String {
    format!("a text is written in single quotes: '{}'", sql_text(literal))
}

fn type_text(expression: &Expr, data_type: &DataType) -> String {
    if let Expr::Literal(ScalarValue::Int64(Some(number)), _) = expression
        && i32::try_from(*number).is_ok()
    {
        return SqlType::Integer.to_string();
    }
    sql_name(data_type)
}

fn sql_name(data_type: &DataType) -> String {
    SqlType::from_arrow(data_type).map_or_else(|_| data_type.to_string(), |data_type| data_type.to_string())
}

/// Where the first column of an expression is written.
fn place(expression: &Expr) -> Option<Position> {
    let mut place = None;
    let found = expression.apply(|inner| {
        if let Expr::Column(column) = inner
            && let Some(span) = column.spans().first()
        {
            place = Some(span.start);
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found.ok()?;
    // Line 0 is the place of what stands nowhere.
    let place = place.filter(|place| place.line > 0)?;
    Some(Position { line: u32::try_from(place.line).ok()?, column: u32::try_from(place.column).ok()? })
}

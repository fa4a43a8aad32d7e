//! Expressions of plans as a statement would write them: what people are told of an expression that failed, and
//! what EXPLAIN shows.

use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, Like};
use datafusion::logical_expr::{Expr, ScalarUDF};
use tidemill_sql::analyzer::reserved;
use tidemill_sql::print::quoted;
use tidemill_sql::type_system::SqlType;

use crate::functions;
use crate::sql_words::in_sql_words;

/// The text of an expression.
pub(crate) fn sql_text(expression: &Expr) -> String {
    match expression {
        Expr::Column(column) => column.flat_name(),
        Expr::Literal(value, _) => literal(value),
        Expr::Alias(alias) => sql_text(&alias.expr),
        // That a comparison is never NULL goes without saying.
        Expr::IsTrue(comparison) => sql_text(comparison),
        Expr::Not(value) => format!("NOT {}", operand(value)),
        Expr::Negative(value) => format!("-{}", operand(value)),
        Expr::IsNull(value) => format!("{} IS NULL", operand(value)),
        Expr::IsNotNull(value) => format!("{} IS NOT NULL", operand(value)),
        Expr::Cast(cast) => conversion(&cast.expr, cast.field.data_type()),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => infix(left, &op.to_string(), right),
        Expr::Like(Like { negated, expr, pattern, .. }) => {
            infix(expr, if *negated { "NOT LIKE" } else { "LIKE" }, pattern)
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let not = if *negated { "NOT " } else { "" };
            format!("{} {not}BETWEEN {} AND {}", operand(expr), operand(low), operand(high))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let not = if *negated { "NOT " } else { "" };
            format!("{} {not}IN ({})", operand(expr), texts(list))
        }
        Expr::Case(case) => choice(case),
        Expr::ScalarFunction(call) => called(&call.func, &call.args),
        Expr::ScalarSubquery(_) => "(SELECT …)".to_owned(),
        Expr::AggregateFunction(call) => {
            let distinct = if call.params.distinct { "DISTINCT " } else { "" };
            format!("{}({distinct}{})", call.func.name(), texts(&call.params.args))
        }
        other => as_datafusion_has_it(other),
    }
}

/// The text of an expression that only queries of DataFusion have: with types and literals as in SQL.
fn as_datafusion_has_it(expression: &Expr) -> String {
    // DataFusion writes the type before every literal, and nothing before a column: one called like the
    // literal is written as SQL has it.
    let plain = expression.clone().transform(|part| {
        Ok(match part {
            Expr::Literal(value, _) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(literal(&value))))
            }
            other => Transformed::no(other),
        })
    });
    in_sql_words(&plain.map_or_else(|_| expression.to_string(), |plain| plain.data.to_string()))
}

/// The texts of expressions, as a list.
fn texts<'a>(expressions: impl IntoIterator<Item = &'a Expr>) -> String {
    expressions.into_iter().map(sql_text).collect::<Vec<_>>().join(", ")
}

/// The text of an operand, in brackets where it has an operator itself.
fn operand(expression: &Expr) -> String {
    const ATOMS: [&str; 6] = [
        reserved::CAST,
        reserved::SUBSCRIPT,
        reserved::FIELD,
        reserved::ARRAY,
        reserved::MAP,
        reserved::STRUCT,
    ];
    match expression {
        Expr::Alias(alias) => operand(&alias.expr),
        Expr::IsTrue(comparison) => operand(comparison),
        Expr::Column(_)
        | Expr::Literal(..)
        | Expr::Cast(_)
        | Expr::Case(_)
        | Expr::AggregateFunction(_)
        | Expr::ScalarSubquery(_) => sql_text(expression),
        Expr::ScalarFunction(call)
            if !reserved::is_reserved(call.func.name()) || ATOMS.contains(&call.func.name()) =>
        {
            sql_text(expression)
        }
        other => format!("({})", sql_text(other)),
    }
}

fn infix(left: &Expr, operator: &str, right: &Expr) -> String {
    format!("{} {operator} {}", operand(left), operand(right))
}

fn choice(case: &Case) -> String {
    let mut text = "CASE".to_owned();
    if let Some(value) = &case.expr {
        text.push_str(&format!(" {}", sql_text(value)));
    }
    for (when, then) in &case.when_then_expr {
        text.push_str(&format!(" WHEN {} THEN {}", sql_text(when), sql_text(then)));
    }
    if let Some(otherwise) = &case.else_expr {
        text.push_str(&format!(" ELSE {}", sql_text(otherwise)));
    }
    text.push_str(" END");
    text
}

fn called(function: &ScalarUDF, arguments: &[Expr]) -> String {
    match (function.name(), arguments) {
        (reserved::DIVIDE | reserved::DECIMAL_DIVIDE, [left, right]) => infix(left, "/", right),
        (reserved::MODULO | reserved::DECIMAL_MODULO, [left, right]) => infix(left, "%", right),
        (functions::CONCATENATION, [left, right]) => infix(left, functions::CONCATENATION, right),
        (reserved::DECIMAL_ADD, [left, right]) => infix(left, "+", right),
        (reserved::DECIMAL_SUBTRACT, [left, right]) => infix(left, "-", right),
        (reserved::DECIMAL_MULTIPLY, [left, right]) => infix(left, "*", right),
        (reserved::EQUAL, [left, right]) => infix(left, "=", right),
        (reserved::NOT_DISTINCT, [left, right]) => infix(left, "IS NOT DISTINCT FROM", right),
        (reserved::LIKE, [value, pattern, escape]) => {
            format!("{} ESCAPE {}", infix(value, "LIKE", pattern), sql_text(escape))
        }
        (reserved::CAST, [value, Expr::Literal(target, _)]) => conversion(value, &target.data_type()),
        (reserved::SUBSCRIPT, [value, index]) => format!("{}[{}]", operand(value), sql_text(index)),
        (reserved::FIELD, [value, name]) => format!("{}->{}", operand(value), name_of(name)),
        (reserved::ARRAY, elements) => format!("ARRAY[{}]", texts(elements)),
        (reserved::MAP, parts) => format!("MAP({})", assigned(parts, sql_text)),
        (reserved::STRUCT, parts) => format!("STRUCT({})", assigned(parts, name_of)),
        (name, arguments) => functions::lambda_call_text(function, arguments)
            .unwrap_or_else(|| format!("{}({})", name.to_uppercase(), texts(arguments))),
    }
}

fn conversion(value: &Expr, target: &DataType) -> String {
    let target = SqlType::from_arrow(target).map_or_else(|_| target.to_string(), |target| target.to_string());
    format!("CAST({} AS {target})", sql_text(value))
}

/// The pairs of a constructor.
fn assigned(parts: &[Expr], name: fn(&Expr) -> String) -> String {
    let pairs = parts.chunks_exact(2).map(|pair| format!("{} := {}", name(&pair[0]), sql_text(&pair[1])));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The name of a field, which is a literal in plans.
fn name_of(name: &Expr) -> String {
    match name {
        Expr::Literal(ScalarValue::Utf8(Some(name)), _) => name.clone(),
        other => sql_text(other),
    }
}

fn literal(value: &ScalarValue) -> String {
    if value.is_null() {
        return "NULL".to_owned();
    }
    let text = value.to_array().ok().and_then(|array| array_value_to_string(&array, 0).ok());
    let text = text.unwrap_or_else(|| value.to_string());
    match value {
        ScalarValue::Utf8(_)
        | ScalarValue::Utf8View(_)
        | ScalarValue::Date32(_)
        | ScalarValue::Time32Millisecond(_)
        | ScalarValue::TimestampMillisecond(..) => quoted(&text),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::expr::Cast;
    use datafusion::logical_expr::{col, lit, when};

    use super::*;

    fn call(name: &str, arguments: Vec<Expr>) -> Expr {
        functions::lookup(name).expect("a function").call(arguments)
    }

    #[test]
    fn functions_of_plans_are_written_as_what_they_stand_for() {
        let text = |expression: Expr| sql_text(&expression);
        let quotient = call(reserved::DIVIDE, vec![col("a") + lit(1), lit(0)]);
        assert_eq!(text(quotient.clone()), "(a + 1) / 0");
        assert_eq!(text(Expr::IsTrue(Box::new(quotient.clone().gt(col("b"))))), "((a + 1) / 0) > b");
        let target = Expr::Literal(ScalarValue::Decimal128(None, 4, 2), None);
        assert_eq!(text(call(reserved::CAST, vec![lit("12.5"), target])), "CAST('12.5' AS DECIMAL(4, 2))");
        assert_eq!(text(Expr::Cast(Cast::new(Box::new(col("a")), DataType::Int64))), "CAST(a AS BIGINT)");
        let fields = call(reserved::STRUCT, vec![lit("X"), col("a"), lit("Y"), lit(true)]);
        assert_eq!(text(call(reserved::FIELD, vec![fields, lit("X")])), "STRUCT(X := a, Y := true)->X");
        let element = call(reserved::ARRAY, vec![lit(1), lit(2)]);
        assert_eq!(text(call(reserved::SUBSCRIPT, vec![element, lit(-1)])), "ARRAY[1, 2][-1]");
        assert_eq!(text(call("mask_left", vec![lit("it's"), col("n")])), "MASK_LEFT('it''s', n)");
        let chosen = when(col("b").is_null(), quotient).otherwise(lit(2.5)).expect("a CASE");
        assert_eq!(text(chosen), "CASE WHEN b IS NULL THEN (a + 1) / 0 ELSE 2.5 END");
    }
}

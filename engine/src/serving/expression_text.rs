//! Expressions of DataFusion's plans as a statement would write them, for errors and EXPLAIN.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;

use crate::datafusion_error::in_sql_types;

/// The text of an expression.
pub(super) fn text(expression: &Expr) -> String {
    // DataFusion writes the type before every literal, and nothing before a column: one called like the
    // literal is written as SQL has it.
    let plain = expression.clone().transform(|inner| {
        Ok(match inner {
            Expr::Literal(value, _) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(literal(&value))))
            }
            other => Transformed::no(other),
        })
    });
    match plain {
        Ok(plain) => in_sql_types(&plain.data.to_string()),
        Err(_) => in_sql_types(&expression.to_string()),
    }
}

/// The texts of expressions, as a list.
pub(super) fn list<'a>(expressions: impl IntoIterator<Item = &'a Expr>) -> String {
    expressions.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

fn literal(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    #[test]
    fn literals_and_operators_are_written_as_in_sql() {
        let expression = col("a").eq(lit("it's")).or(col("b").gt(lit(5_i64)).and(col("c").is_null()));
        assert_eq!(text(&expression), "a = 'it''s' OR b > 5 AND c IS NULL");
    }
}

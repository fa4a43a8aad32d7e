//! `LIKE 'a!%' ESCAPE '!'`: with the backslash, the one escape that DataFusion knows.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Value, ValueWithSpan, VisitMut, VisitorMut};
use tidemill_sql::analyzer::lower::with_backslashes;

/// Rewrites every pattern that is written out.
pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut LikeEscapes);
}

struct LikeEscapes;

impl VisitorMut for LikeEscapes {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } = expr
            && let Some(escape) = escape_char.as_ref().and_then(|escape| character(&escape.value))
            && let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) =
                pattern.as_mut()
        {
            if escape != '\\' {
                *text = with_backslashes(text, Some(escape));
            }
            *escape_char = None;
        }
        ControlFlow::Continue(())
    }
}

/// The character that a text is.
fn character(value: &Value) -> Option<char> {
    let Value::SingleQuotedString(text) = value else { return None };
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::parse_postgres;

    use super::*;

    #[test]
    fn patterns_are_written_with_the_backslash() {
        for (written, expected) in [
            ("a LIKE '5!%' ESCAPE '!'", "a LIKE '5\\%'"),
            ("a NOT ILIKE '5x_\\' ESCAPE 'x'", "a NOT ILIKE '5\\_\\\\'"),
            ("a LIKE '5\\%' ESCAPE '\\'", "a LIKE '5\\%'"),
            ("a LIKE b ESCAPE '!'", "a LIKE b ESCAPE '!'"),
        ] {
            let mut query = parse_postgres(&format!("SELECT 1 FROM t WHERE {written}")).expect("a query");
            rewrite(&mut query);
            assert_eq!(query.to_string(), format!("SELECT 1 FROM t WHERE {expected}"), "{written}");
        }
    }
}

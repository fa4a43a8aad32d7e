//! The columns that an expression names, each to be put something in the place of.
//!
//! What looks like a column and is none stays: the field of `a->b`, and the variables of lambdas within the
//! lambdas.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Ident, VisitMut, VisitorMut};
use tidemill_sql::parser::identifier::stored_name;

/// Puts what `replacement` gives in the place of each column; `None` leaves it. A column is given as the
/// parts of its name.
pub(super) fn replace(expr: &mut Expr, replacement: &mut dyn FnMut(&[Ident]) -> Option<Expr>) {
    let _ = VisitMut::visit(expr, &mut Columns { replacement, variables: Vec::new() });
}

struct Columns<'a> {
    replacement: &'a mut dyn FnMut(&[Ident]) -> Option<Expr>,
    /// Stored names of the variables of the lambdas around, the innermost last.
    variables: Vec<Vec<String>>,
}

impl Columns<'_> {
    fn is_variable(&self, name: &Ident) -> bool {
        let name = stored_name(name);
        self.variables.iter().flatten().any(|variable| *variable == name)
    }
}

impl VisitorMut for Columns<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            // The field of `a->b` stands where a column might; until it was passed it is none.
            Expr::BinaryOp { op: BinaryOperator::Arrow, right, .. } => {
                if let Expr::Identifier(field) = right.as_ref() {
                    **right = Expr::CompoundIdentifier(vec![field.clone()]);
                }
            }
            Expr::Lambda(lambda) => {
                let names = lambda.params.iter().map(|parameter| stored_name(&parameter.name));
                self.variables.push(names.collect());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replaced = match &mut *expr {
            Expr::BinaryOp { op: BinaryOperator::Arrow, right, .. } => {
                if let Expr::CompoundIdentifier(parts) = right.as_ref()
                    && let [field] = parts.as_slice()
                {
                    **right = Expr::Identifier(field.clone());
                }
                None
            }
            Expr::Lambda(_) => {
                self.variables.pop();
                None
            }
            Expr::Identifier(name) if !self.is_variable(name) => {
                (self.replacement)(std::slice::from_ref(name))
            }
            Expr::CompoundIdentifier(parts) if parts.len() > 1 => (self.replacement)(parts),
            _ => None,
        };
        if let Some(replaced) = replaced {
            *expr = replaced;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::parse_expression;

    use super::*;

    #[test]
    fn columns_are_replaced_and_fields_and_variables_stay() {
        for (written, expected) in [
            ("a + s.b", "? + ?"),
            ("a->field + a", "? -> field + ?"),
            ("TRANSFORM(a, x => x + a + y)", "TRANSFORM(?, x -> x + ? + ?)"),
            (
                "REDUCE(x, 0, (x, y) => x + FILTER(y, z => z = w))",
                "REDUCE(?, 0, (x, y) -> x + FILTER(y, z -> z = ?))",
            ),
        ] {
            let mut expr = parse_expression(written).expect("an expression");
            replace(&mut expr, &mut |_| Some(Expr::Identifier(Ident::new("?"))));
            assert_eq!(expr.to_string(), expected, "{written}");
        }
    }
}

//! Expressions and general queries back to text.
//!
//! sqlparser prints its own tree, but not in a form that parses again where our dialect differs:
//! lambdas, `->`, our types, names. So those nodes are printed here, from the leaves upwards, and
//! each is replaced by a name that is its text; what is left is printed by sqlparser.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArguments, Ident, ObjectNamePart, OneOrManyWithParens, Query, VisitMut,
    VisitorMut,
};

use crate::parser::expression::{field_access, interval_unit, struct_wildcard};
use crate::parser::identifier::{stored_name, written_name};
use crate::type_system::SqlType;

/// The text of an expression, with names as they are stored.
pub fn print_expression(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let flow = VisitMut::visit(&mut expr, &mut Rewriter { names: Names::Stored });
    assert!(flow.is_continue(), "the rewriter never stops");
    expr.to_string()
}

/// The text of a general query, with names as they were written: whether one is looked up in upper
/// or lower case is not decided by its text alone.
pub(super) fn print_query(query: &Query) -> String {
    let mut query = query.clone();
    let flow = VisitMut::visit(&mut query, &mut Rewriter { names: Names::Written });
    assert!(flow.is_continue(), "the rewriter never stops");
    query.to_string()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Stored,
    Written,
}

struct Rewriter {
    names: Names,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            for part in &mut function.name.0 {
                if let ObjectNamePart::Identifier(ident) = part {
                    self.rewrite(ident);
                }
            }
            if let FunctionArguments::List(list) = &mut function.args {
                for argument in &mut list.args {
                    if let FunctionArg::Named { name, .. } = argument {
                        self.rewrite(name);
                    }
                }
            }
        }
        match expr {
            Expr::Identifier(ident) => self.rewrite(ident),
            Expr::CompoundIdentifier(idents) => {
                idents.iter_mut().for_each(|ident| self.rewrite(ident));
            }
            _ => {
                if let Some(text) = self.print(expr) {
                    *expr = Expr::Identifier(Ident::new(text));
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter {
    /// Makes `ident` print as the stored name, unless names are to stay as they were written.
    fn rewrite(&self, ident: &mut Ident) {
        if self.names == Names::Stored {
            ident.value = written_name(&stored_name(ident));
            ident.quote_style = None;
        }
    }

    /// The text of a node that sqlparser does not print as our dialect reads it. Its parts have
    /// been rewritten before.
    fn print(&self, expr: &Expr) -> Option<String> {
        if let Some(base) = struct_wildcard(expr) {
            return Some(format!("{base}->*"));
        }
        if let Some(unit) = interval_unit(expr) {
            return Some(unit.to_owned());
        }
        if let Some((base, field)) = field_access(expr) {
            return Some(format!("{base}->{field}"));
        }
        match expr {
            Expr::Lambda(lambda) => {
                let parameter = |ident: &Ident| {
                    let mut ident = ident.clone();
                    self.rewrite(&mut ident);
                    ident.to_string()
                };
                let parameters = match &lambda.params {
                    OneOrManyWithParens::One(one) => parameter(&one.name),
                    OneOrManyWithParens::Many(many) => {
                        let names: Vec<String> = many.iter().map(|one| parameter(&one.name)).collect();
                        format!("({})", names.join(", "))
                    }
                };
                Some(format!("{parameters} => {}", lambda.body))
            }
            Expr::Cast { expr, data_type, .. } => {
                let data_type = SqlType::from_ast(data_type).ok()?;
                Some(format!("CAST({expr} AS {data_type})"))
            }
            _ => None,
        }
    }
}

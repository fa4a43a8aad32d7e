//! Calls of functions that take lambdas, which DataFusion's SQL does not know, as calls of functions of plain
//! values: see [`LambdaFunction`](crate::serving::lambda_function).
//!
//! `TRANSFORM(list, x => x + n)` becomes a call with `list` and `n`. What is passed is planned by DataFusion
//! where it stands, so that it may be anything, an aggregate too; the rest of the call is planned by the
//! rules of continuous queries once the types of what is passed are known.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, Select,
    SelectItem, UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use crate::lookup::EngineLookup;
use crate::serving::lambda_function::LambdaFunction;
use crate::serving::rewrite::columns;

/// Rewrites every such call; gives the functions that are called instead.
pub(super) fn rewrite(query: &mut Query, lookup: &Arc<EngineLookup>) -> Vec<ScalarUDF> {
    let mut calls = Calls { lookup, made: Vec::new() };
    let _ = query.visit(&mut calls);
    calls.made.into_iter().map(ScalarUDF::new_from_impl).collect()
}

struct Calls<'a> {
    lookup: &'a Arc<EngineLookup>,
    /// What calls became, each once: where the same call stands twice, as in GROUP BY, it is the same function.
    made: Vec<LambdaFunction>,
}

impl VisitorMut for Calls<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Expr::Function(call) = &*expr
                && takes_lambda(call)
                && let Some(name) = own_name(call)
            {
                let alias = Ident::with_quote('"', name.to_lowercase());
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }

    // From outside: a lambda within a lambda belongs to the call around it.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(call) = expr
            && takes_lambda(call)
        {
            self.rewrite(call);
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    fn rewrite(&mut self, call: &mut Function) {
        let mut rest = call.clone();
        let FunctionArguments::List(arguments) = &mut rest.args else { return };
        let mut passed: Vec<Expr> = Vec::new();
        for argument in &mut arguments.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument else { continue };
            match value {
                Expr::Lambda(_) => columns::replace(value, &mut |parts| {
                    let column = match parts {
                        [name] => Expr::Identifier(name.clone()),
                        parts => Expr::CompoundIdentifier(parts.to_vec()),
                    };
                    Some(pass(column, &mut passed))
                }),
                // A literal has the type that it has in continuous queries.
                value if is_literal(value) => {}
                value => {
                    let given = std::mem::replace(value, Expr::value(Value::Null));
                    *value = pass(given, &mut passed);
                }
            }
        }
        let Some(name) = own_name(call) else { return };
        let known = self.made.iter().find(|made| made.is_call(&rest, passed.len()));
        let name = match known {
            Some(made) => made.called().to_owned(),
            None => {
                let called = format!("{}_lambda_{}", name.to_lowercase(), self.made.len() + 1);
                let parameters = (0..passed.len()).map(parameter_name).collect();
                self.made.push(LambdaFunction::new(called.clone(), rest, parameters, self.lookup.clone()));
                called
            }
        };
        call.name = ObjectName::from(vec![Ident::new(name)]);
        if let FunctionArguments::List(arguments) = &mut call.args {
            arguments.args =
                passed.into_iter().map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value))).collect();
        }
    }
}

/// Whether one of the arguments is a lambda. That the function takes none is told when the call is planned.
fn takes_lambda(call: &Function) -> bool {
    let FunctionArguments::List(list) = &call.args else { return false };
    let is_lambda = |argument: &FunctionArg| {
        matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(_))))
    };
    list.args.iter().any(is_lambda)
}

/// Passes a value, once; gives the parameter that stands for it.
fn pass(value: Expr, passed: &mut Vec<Expr>) -> Expr {
    let position = passed.iter().position(|other| *other == value).unwrap_or_else(|| {
        passed.push(value);
        passed.len() - 1
    });
    Expr::Identifier(Ident::with_quote('"', parameter_name(position)))
}

/// No variable and no column is called so.
fn parameter_name(position: usize) -> String {
    format!("argument {position}")
}

/// The name of a call that is nothing but a call.
fn own_name(call: &Function) -> Option<String> {
    let [name] = call.name.0.as_slice() else { return None };
    Some(name.as_ident()?.value.clone())
}

fn is_literal(value: &Expr) -> bool {
    match value {
        Expr::Value(ValueWithSpan { value, .. }) => !matches!(value, Value::Placeholder(_)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_literal(expr),
        Expr::Nested(inner) => is_literal(inner),
        _ => false,
    }
}

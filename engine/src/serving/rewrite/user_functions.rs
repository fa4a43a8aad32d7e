//! Calls of functions made by CREATE FUNCTION, written out: the function's expression, with what it is called
//! with in place of its parameters.
//!
//! A result column that is such a call gets the function's name, as a call of any function does.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart, Query, Select, SelectItem, VisitMut, VisitorMut,
};
use tidemill_sql::analyzer::lower::FUNCTION_DEPTH_MAX;
use tidemill_sql::analyzer::resolve::function_name;
use tidemill_sql::lookup::UserFunction;
use tidemill_sql::parser::identifier::stored_name;

use crate::catalog::CatalogState;
use crate::error::{Error, ErrorKind, Result};
use crate::names;
use crate::serving::rewrite::columns;
use crate::session::Dialect;

/// Rewrites every call.
///
/// # Errors
/// `UnknownFunction` for other arguments than the function takes.
pub(super) fn rewrite(query: &mut Query, catalog: &CatalogState, dialect: Dialect) -> Result<()> {
    if catalog.functions.is_empty() {
        return Ok(());
    }
    match query.visit(&mut Calls { catalog, dialect, depth: 0 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Calls<'a> {
    catalog: &'a CatalogState,
    dialect: Dialect,
    /// How many functions call each other down to here.
    depth: usize,
}

impl VisitorMut for Calls<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Expr::Function(call) = &*expr
                && let Some(function) = self.called(call)
            {
                let alias = Ident::with_quote('"', names::shown(self.dialect, &function.name));
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(call) = &*expr else { return ControlFlow::Continue(()) };
        let Some(function) = self.called(call) else { return ControlFlow::Continue(()) };
        match self.written_out(function, call) {
            Ok(body) => {
                *expr = body;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(place(call, error)),
        }
    }
}

impl<'a> Calls<'a> {
    fn called(&self, call: &Function) -> Option<&'a UserFunction> {
        let name = function_name(&call.name)?;
        self.catalog.functions.get(&name).map(AsRef::as_ref)
    }

    /// What a call means.
    fn written_out(&self, function: &UserFunction, call: &Function) -> Result<Expr> {
        if self.depth >= FUNCTION_DEPTH_MAX {
            let message = format!("functions call each other over more than {FUNCTION_DEPTH_MAX} levels");
            return Err(Error::new(ErrorKind::TooComplex, message));
        }
        let given = arguments(call).filter(|given| given.len() == function.parameters.len());
        let given = given.ok_or_else(|| {
            let message = format!(
                "Function '{}' does not accept these parameters.\nValid alternatives are:\n{}",
                function.name,
                function.signature()
            );
            Error::new(ErrorKind::UnknownFunction, message)
        })?;
        let parameters = function.parameters.iter().zip(given);
        let values: Vec<(&str, Expr)> = parameters
            .map(|(parameter, value)| (parameter.name.as_str(), cast(value, parameter.data_type.to_ast())))
            .collect();
        let mut body = function.expression.clone();
        let mut inner = Calls { depth: self.depth + 1, ..*self };
        // The functions that the body calls first: what stands for its parameters is written out already.
        if let ControlFlow::Break(error) = VisitMut::visit(&mut body, &mut inner) {
            return Err(error);
        }
        columns::replace(&mut body, &mut |parts| {
            let [name] = parts else { return None };
            let name = stored_name(name);
            values.iter().find(|(parameter, _)| *parameter == name).map(|(_, value)| value.clone())
        });
        Ok(cast(body, function.returns.to_ast()))
    }
}

/// The arguments of a plain call.
fn arguments(call: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    let expr = Box::new(Expr::Nested(Box::new(expr)));
    Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None }
}

fn place(call: &Function, mut error: Error) -> Error {
    let name = call.name.0.last().and_then(ObjectNamePart::as_ident);
    if error.position.is_none() {
        error = error.at(name.and_then(|name| tidemill_sql::Position::from_location(name.span.start)));
    }
    error
}

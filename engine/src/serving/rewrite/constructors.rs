//! `STRUCT(a := 1)` and `MAP('k' := v)`, ksqlDB's constructors, as the functions that DataFusion has.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    Query, Value, VisitMut, VisitorMut,
};
use tidemill_sql::parser::identifier::stored_name;

use crate::error::{Error, ErrorKind, Result};

/// Rewrites every constructor.
///
/// # Errors
/// `Invalid` for one without parts, or a struct with two fields of one name.
pub(super) fn rewrite(query: &mut Query) -> Result<()> {
    match query.visit(&mut Constructors) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Constructors;

impl VisitorMut for Constructors {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let rewritten = match constructor(function) {
            Some(("STRUCT", arguments)) => structure(arguments),
            Some(("MAP", arguments)) => map(arguments),
            _ => return ControlFlow::Continue(()),
        };
        match rewritten {
            Ok(rewritten) => {
                *expr = rewritten;
                ControlFlow::Continue(())
            }
            Err(mut error) => {
                let place =
                    function.name.0.first().and_then(|part| part.as_ident()).map(|name| name.span.start);
                error.position = error.position.or_else(|| {
                    let place = tidemill_sql::Position::from_location(place?)?;
                    Some(crate::Position { line: place.line, column: place.column, offset: 0 })
                });
                ControlFlow::Break(error)
            }
        }
    }
}

/// The constructor that is called and its parts; `None` for every other function.
fn constructor(function: &Function) -> Option<(&'static str, &[FunctionArg])> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let [name] = function.name.0.as_slice() else { return None };
    let name = &name.as_ident()?.value;
    let known = ["STRUCT", "MAP"].into_iter().find(|known| name.eq_ignore_ascii_case(known))?;
    let assigned = |argument: &FunctionArg| {
        matches!(argument, FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. })
    };
    list.args.iter().all(assigned).then_some((known, list.args.as_slice()))
}

fn structure(arguments: &[FunctionArg]) -> Result<Expr> {
    let mut names: Vec<String> = Vec::with_capacity(arguments.len());
    let mut parts = Vec::with_capacity(arguments.len() * 2);
    for argument in arguments {
        let FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } = argument else {
            return Err(Error::new(ErrorKind::Invalid, "a field of a STRUCT has a name and a value")
                .with_hint("write STRUCT(name := value, …)"));
        };
        let field = stored_name(name);
        if names.contains(&field) {
            let message = format!("Duplicate field names found in STRUCT: '{field}'");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        parts.push(Expr::value(Value::SingleQuotedString(field.clone())));
        parts.push(value.clone());
        names.push(field);
    }
    if parts.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "a STRUCT has at least one field")
            .with_hint("write STRUCT(name := value, …)"));
    }
    Ok(call("named_struct", parts))
}

fn map(arguments: &[FunctionArg]) -> Result<Expr> {
    let mut keys = Vec::with_capacity(arguments.len());
    let mut values = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let (key, value) = match argument {
            FunctionArg::ExprNamed { name, arg: FunctionArgExpr::Expr(value), .. } => (name.clone(), value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                (Expr::Identifier(name.clone()), value)
            }
            _ => {
                return Err(Error::new(ErrorKind::Invalid, "an entry of a MAP has a key and a value")
                    .with_hint("write MAP(key := value, …)"));
            }
        };
        keys.push(key);
        values.push(value.clone());
    }
    if keys.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "a MAP has at least one entry")
            .with_hint("write MAP(key := value, …)"));
    }
    Ok(call("map", vec![call("make_array", keys), call("make_array", values)]))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments =
        arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

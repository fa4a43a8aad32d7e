//! `EXPLODE(list)` and `CUBE_EXPLODE(list)`, ksqlDB's table functions, as DataFusion's `unnest`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, VisitMut, VisitorMut,
};

use crate::functions;

/// Rewrites every call.
pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut TableFunctions);
}

struct TableFunctions;

impl VisitorMut for TableFunctions {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let [name] = function.name.0.as_slice() else { return ControlFlow::Continue(()) };
        let is_table_function =
            name.as_ident().is_some_and(|name| functions::lookup_table(&name.value).is_some());
        if !is_table_function {
            return ControlFlow::Continue(());
        }
        // The function of that name gives the list whose elements become rows.
        let list = expr.clone();
        if let Expr::Function(rows) = expr
            && let FunctionArguments::List(arguments) = &mut rows.args
        {
            rows.name = ObjectName::from(vec![Ident::new("unnest")]);
            arguments.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(list))];
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::parse_postgres;

    use super::*;

    #[test]
    fn lists_of_table_functions_are_unnested() {
        let mut query = parse_postgres("SELECT id, Explode(list) + 1 FROM s").expect("a query");
        rewrite(&mut query);
        assert_eq!(query.to_string(), "SELECT id, unnest(Explode(list)) + 1 FROM s");
    }
}

//! The expressions and queries inside of a statement, for whoever has to look at all of them.

use std::ops::ControlFlow;

use sqlparser::ast::{Visit, Visitor};

use super::{
    CopySource, ExplainTarget, Expr, GeneralQuery, KsqlSelect, Relation, SelectBody, SelectItem,
    SelectStatement, Statement,
};

/// A syntax tree of sqlparser's inside of one of our statements.
#[derive(Debug, Clone, Copy)]
pub enum Tree<'a> {
    /// An expression.
    Expr(&'a Expr),
    /// A query of the general grammar.
    Query(&'a GeneralQuery),
}

impl Tree<'_> {
    /// Lets `visitor` see all of the tree.
    pub fn visit<V: Visitor>(self, visitor: &mut V) -> Result<(), V::Break> {
        let flow = match self {
            Tree::Expr(expr) => expr.visit(visitor),
            Tree::Query(query) => query.visit(visitor),
        };
        match flow {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(result) => Err(result),
        }
    }
}

impl Statement {
    /// The queries of the statement that stand outside of any other query.
    pub fn queries(&self) -> Vec<&SelectStatement> {
        match self {
            Statement::Query(query) => vec![query],
            Statement::CreateAsSelect(create) => vec![&create.query],
            Statement::InsertSelect(insert) => vec![&insert.query],
            Statement::DeclareCursor(declare) => vec![&declare.query],
            Statement::Copy(copy) => match &copy.source {
                CopySource::Query(query) => vec![query],
                CopySource::Relation { .. } => Vec::new(),
            },
            Statement::Explain(explain) => match &explain.target {
                ExplainTarget::Statement(statement) => statement.queries(),
                ExplainTarget::Query(_) => Vec::new(),
            },
            Statement::Prepare(prepare) => prepare.statement.queries(),
            _ => Vec::new(),
        }
    }

    /// Every tree of sqlparser's in the statement.
    pub fn trees(&self) -> Vec<Tree<'_>> {
        let mut trees = Vec::new();
        for query in self.queries() {
            query.add_trees(&mut trees);
        }
        self.add_own_expressions(&mut trees);
        trees
    }

    fn add_own_expressions<'a>(&'a self, trees: &mut Vec<Tree<'a>>) {
        match self {
            Statement::InsertValues(insert) => {
                trees.extend(insert.rows.iter().flatten().map(Tree::Expr));
            }
            Statement::CreateFunction(create) => trees.push(Tree::Expr(&create.expression)),
            Statement::Execute(execute) => trees.extend(execute.arguments.iter().map(Tree::Expr)),
            Statement::Explain(explain) => {
                if let ExplainTarget::Statement(statement) = &explain.target {
                    statement.add_own_expressions(trees);
                }
            }
            Statement::Prepare(prepare) => prepare.statement.add_own_expressions(trees),
            _ => {}
        }
    }
}

impl SelectStatement {
    /// Every tree of sqlparser's in the query.
    pub fn trees(&self) -> Vec<Tree<'_>> {
        let mut trees = Vec::new();
        self.add_trees(&mut trees);
        trees
    }

    fn add_trees<'a>(&'a self, trees: &mut Vec<Tree<'a>>) {
        match &self.body {
            SelectBody::Ksql(select) => trees.extend(select.expressions().map(Tree::Expr)),
            SelectBody::General(query) => trees.push(Tree::Query(query)),
        }
    }
}

impl KsqlSelect {
    /// Every expression of the query, clause by clause.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let projection = self.projection.iter().filter_map(|item| match item {
            SelectItem::Expression { expr, .. } | SelectItem::StructWildcard { expr, .. } => Some(expr),
            SelectItem::Wildcard { .. } | SelectItem::SourceWildcard { .. } => None,
        });
        projection
            .chain(self.from.join_conditions())
            .chain(&self.where_)
            .chain(&self.group_by)
            .chain(&self.partition_by)
            .chain(&self.having)
    }
}

impl Relation {
    /// The conditions of all joins, the outermost first.
    fn join_conditions(&self) -> impl Iterator<Item = &Expr> {
        let mut relation = self;
        std::iter::from_fn(move || match relation {
            Relation::Join(join) => {
                relation = &join.left;
                Some(&join.on)
            }
            Relation::Source { .. } => None,
        })
    }
}

//! Limits on what is parsed and planned, because a stack overflow cannot be caught.
//!
//! Parsing, analysing, planning and even dropping an expression are recursive. So a statement is
//! measured twice: its lexemes before anything else sees it (nesting, length of operator chains,
//! number of tokens), and its syntax tree afterwards (nodes, depth), which is exact. The first
//! measure bounds the stack that the second one needs.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Visit, Visitor};

use super::scanner::{Lexeme, LexemeKind};
use crate::error::SqlError;

/// Largest text that is parsed at once. A script of statements this long is a mistake; data belongs
/// into topics.
pub const MAX_TEXT_BYTES: usize = 10 * 1024 * 1024;

/// Most expressions and queries in one statement.
pub const MAX_NODES: usize = 10_000;

/// Deepest nesting of expressions and queries in one statement.
pub const MAX_DEPTH: usize = 200;

/// Most tokens, spaces and comments included, of one statement: about a hundred bytes of memory
/// each while the statement is parsed.
const MAX_LEXEMES: usize = 400_000;

/// Deepest tree that lexemes may promise. Of operators in a row each can be one level of a tree that
/// leans to one side, so this is a bound, not the depth: a tree within it is safely visited and
/// dropped, and then refused if it is really deeper than [`MAX_DEPTH`].
const MAX_PROMISED_DEPTH: usize = 1_000;

/// Refuses text that is too long to be looked at.
pub fn check_text(text: &str) -> Result<(), SqlError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(SqlError::too_complex(format!(
            "the text is too long: {} bytes, at most {MAX_TEXT_BYTES} are parsed at once",
            text.len()
        ))
        .with_hint("send the statements one by one"));
    }
    Ok(())
}

/// Measures the lexemes of one statement while they are scanned.
#[derive(Debug, Default)]
pub(crate) struct LexemeGauge {
    lexemes: usize,
    /// The innermost open parenthesis.
    level: Level,
    /// The parentheses around it, the outermost first.
    outer: Vec<Level>,
    set_operations: usize,
    joins: usize,
    /// Whether the last lexeme was the name of a type with brackets.
    after_type_name: bool,
}

/// What stands between two parentheses: items with commas between them.
#[derive(Debug, Default)]
struct Level {
    /// Operators of the item so far.
    operators: usize,
    /// Depth of the deepest parenthesis in the item so far.
    inner: usize,
    /// Depth of the deepest item before it.
    deepest: usize,
    /// Whether it stands between the brackets of a type: `ARRAY<…>`.
    is_type: bool,
}

impl Level {
    /// How deep a tree of what was scanned so far can be at most.
    fn depth(&self) -> usize {
        self.deepest.max(self.operators + self.inner)
    }

    fn close_item(&mut self) {
        *self = Level { deepest: self.depth(), is_type: self.is_type, ..Level::default() };
    }

    fn add_inner(&mut self, closed: &Level) {
        self.inner = self.inner.max(closed.depth() + 1);
    }
}

impl LexemeGauge {
    /// Counts one lexeme of `text`; fails at the lexeme that goes beyond a limit.
    pub(crate) fn add(&mut self, text: &str, lexeme: &Lexeme) -> Result<(), SqlError> {
        // A tokenizer makes a token of every single space.
        self.lexemes += match lexeme.kind {
            LexemeKind::Whitespace => lexeme.range.len(),
            _ => 1,
        };
        if self.lexemes > MAX_LEXEMES {
            return Err(SqlError::too_complex(format!(
                "the statement is too long: more than {MAX_LEXEMES} tokens"
            )));
        }
        let text = &text[lexeme.range.clone()];
        match (lexeme.kind, text) {
            (LexemeKind::Open, _) => {
                self.level.operators += usize::from(text == "[");
                self.open(false)?;
            }
            (LexemeKind::Close, _) => {
                while self.level.is_type {
                    self.close();
                }
                self.close();
            }
            (LexemeKind::Operator, "<") if self.after_type_name => self.open(true)?,
            (LexemeKind::Operator, ">" | ">>") if self.level.is_type => {
                for _ in text.chars() {
                    self.close();
                }
            }
            (LexemeKind::Comma, _) => self.level.close_item(),
            (LexemeKind::Operator, _) => self.level.operators += 1,
            (LexemeKind::Word, _) => self.add_word(text),
            _ => {}
        }
        if !matches!(lexeme.kind, LexemeKind::Whitespace | LexemeKind::Comment) {
            self.after_type_name =
                ["ARRAY", "MAP", "STRUCT"].iter().any(|name| text.eq_ignore_ascii_case(name));
        }
        if self.level.depth() > MAX_PROMISED_DEPTH || self.set_operations.max(self.joins) > MAX_DEPTH {
            return Err(too_long_chain());
        }
        Ok(())
    }

    fn open(&mut self, is_type: bool) -> Result<(), SqlError> {
        let inner = Level { is_type, ..Level::default() };
        self.outer.push(std::mem::replace(&mut self.level, inner));
        if self.outer.len() > MAX_DEPTH { Err(too_deep()) } else { Ok(()) }
    }

    fn close(&mut self) {
        if let Some(outer) = self.outer.pop() {
            let closed = std::mem::replace(&mut self.level, outer);
            self.level.add_inner(&closed);
        } else {
            self.level.is_type = false;
        }
    }

    fn add_word(&mut self, word: &str) {
        /// Words that apply to the expression before or after them.
        const OPERATORS: [&str; 22] = [
            "AND", "ARRAY", "AT", "BETWEEN", "CASE", "COLLATE", "DIV", "ILIKE", "IN", "INTERVAL", "IS",
            "ISNULL", "LIKE", "NOT", "NOTNULL", "OPERATOR", "OR", "OVERLAPS", "REGEXP", "RLIKE", "SIMILAR",
            "XOR",
        ];
        let is_one_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        if is_one_of(&OPERATORS) {
            self.level.operators += 1;
        } else if is_one_of(&["UNION", "INTERSECT", "EXCEPT"]) {
            self.set_operations += 1;
        } else if word.eq_ignore_ascii_case("JOIN") {
            self.joins += 1;
        }
    }
}

/// Counts the nodes and the depth of syntax trees, and refuses what goes beyond the limits.
#[derive(Debug, Default)]
pub(crate) struct TreeGauge {
    nodes: usize,
    depth: usize,
}

impl TreeGauge {
    /// Counts the expressions and queries of `tree`.
    pub(crate) fn add<T: Visit>(&mut self, tree: &T) -> Result<(), SqlError> {
        match tree.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }

    fn enter(&mut self) -> ControlFlow<SqlError> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > MAX_NODES {
            return ControlFlow::Break(
                SqlError::too_complex(format!(
                    "the statement has too many parts: more than {MAX_NODES} expressions"
                ))
                .with_hint("break it into several statements"),
            );
        }
        if self.depth > MAX_DEPTH {
            return ControlFlow::Break(too_deep());
        }
        ControlFlow::Continue(())
    }

    fn leave(&mut self) -> ControlFlow<SqlError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

impl Visitor for TreeGauge {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<SqlError> {
        self.enter()
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<SqlError> {
        self.leave()
    }

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<SqlError> {
        self.enter()
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<SqlError> {
        self.leave()
    }
}

fn too_deep() -> SqlError {
    SqlError::too_complex(format!("the statement is nested too deeply: more than {MAX_DEPTH} levels"))
        .with_hint("break it into several statements, or replace long chains of AND and OR by IN (…)")
}

fn too_long_chain() -> SqlError {
    SqlError::too_complex(format!(
        "the statement is too long: more than {MAX_PROMISED_DEPTH} operators in one expression, or more \
         than {MAX_DEPTH} joins or set operations"
    ))
    .with_hint("break it into several statements, or replace long chains of AND and OR by IN (…)")
}

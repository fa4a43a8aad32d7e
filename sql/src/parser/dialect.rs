//! Our dialect, as sqlparser asks for it: Postgres's, with ksqlDB's names, `->`, lambdas,
//! constructors and types.
//!
//! To sqlparser the dialect *is* Postgres's ([`Dialect::dialect`]), so that everything Postgres's
//! own clients send is read; the differences are the methods below and the two hooks of
//! [`expression`](super::expression).

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

use super::cursor::TokenCursor;
use super::{expression, keywords, scanner};

/// Binding strength of `->` before a field name: stronger than every operator, weaker than `.`.
pub(crate) const FIELD_ACCESS_PRECEDENCE: u8 = 150;

/// Binding strength of `->` before a value, Postgres's JSON operator.
const JSON_ACCESS_PRECEDENCE: u8 = 70;

/// Binding strength above which an expression is what ksqlDB calls a value expression: arithmetic and
/// concatenation, but no comparison and no `AND`.
pub(crate) const VALUE_EXPRESSION_PRECEDENCE: u8 = 60;

/// Binding strength of `NOT`: weaker than comparisons, stronger than `AND`.
pub(crate) const NOT_PRECEDENCE: u8 = 30;

/// Attempts at an expression that one token may cost. sqlparser tries alternatives and goes back;
/// nested alternatives of wrong text would take exponential time, and this is what ends them.
const ATTEMPTS_PER_TOKEN: usize = 32;

/// Behind every token.
pub(crate) const END_OF_TEXT: Location = Location { line: u64::MAX, column: 0 };

/// What a statement may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grammar {
    /// Postgres's with our additions.
    Tidemill,
    /// Postgres's alone.
    Postgres,
}

/// The dialect for parsing one statement.
#[derive(Debug)]
pub(crate) struct TidemillDialect {
    grammar: Grammar,
    postgres: PostgreSqlDialect,
    attempts_left: Cell<usize>,
    furthest: Cell<Location>,
}

impl TidemillDialect {
    /// A dialect for a statement of that many tokens.
    pub(crate) fn for_tokens(count: usize) -> Self {
        TidemillDialect::new(Grammar::Tidemill, count)
    }

    /// Postgres's own dialect, within the same limits, for a statement of that many tokens.
    pub(crate) fn postgres_for_tokens(count: usize) -> Self {
        TidemillDialect::new(Grammar::Postgres, count)
    }

    fn new(grammar: Grammar, count: usize) -> Self {
        TidemillDialect {
            grammar,
            postgres: PostgreSqlDialect {},
            attempts_left: Cell::new(ATTEMPTS_PER_TOKEN.saturating_mul(count + 16)),
            furthest: Cell::new(Location::empty()),
        }
    }

    /// The token furthest into the text at which an expression was begun or ended. sqlparser goes
    /// back from an error inside of parentheses and then reports another one before them; what is
    /// wrong is here.
    pub(crate) fn furthest(&self) -> Location {
        self.furthest.get()
    }

    /// Whether the word just taken as an alias is none: our clauses begin with words that sqlparser does
    /// not know.
    fn ends_item(&self, parser: &Parser<'_>) -> bool {
        self.grammar == Grammar::Tidemill && begins_our_clause(parser)
    }

    fn note_progress(&self, parser: &Parser<'_>) {
        let here = match parser.here() {
            Location { line: 0, .. } => END_OF_TEXT,
            here => here,
        };
        self.furthest.set(self.furthest.get().max(here));
    }

    fn count_attempt(&self) -> Result<(), ParserError> {
        match self.attempts_left.get().checked_sub(1) {
            Some(left) => {
                self.attempts_left.set(left);
                Ok(())
            }
            // The one error that sqlparser does not take as a reason to try something else.
            None => Err(ParserError::RecursionLimitExceeded),
        }
    }
}

impl Dialect for TidemillDialect {
    fn dialect(&self) -> TypeId {
        self.postgres.dialect()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('`')
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        scanner::is_word_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        scanner::is_word_part(ch)
    }

    // Postgres lets users define operators; we do not, and then `a<-1` is a comparison.
    fn is_custom_operator_part(&self, _ch: char) -> bool {
        false
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        self.note_progress(parser);
        if let Err(error) = self.count_attempt() {
            return Some(Err(error));
        }
        match self.grammar {
            Grammar::Tidemill => expression::parse_prefix(parser),
            Grammar::Postgres => self.postgres.parse_prefix(parser),
        }
    }

    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        match self.grammar {
            Grammar::Tidemill => expression::parse_infix(parser, left, precedence),
            Grammar::Postgres => self.postgres.parse_infix(parser, left, precedence),
        }
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        self.note_progress(parser);
        if self.grammar == Grammar::Postgres {
            return self.postgres.get_next_precedence(parser);
        }
        match &parser.peek_token_ref().token {
            Token::Arrow => Some(Ok(match parser.peek_nth_token_ref(1).token {
                Token::Word(_) | Token::Mul => FIELD_ACCESS_PRECEDENCE,
                _ => JSON_ACCESS_PRECEDENCE,
            })),
            // `:=` belongs to the arguments of MAP and STRUCT; it is no operator.
            Token::Assignment => Some(Ok(self.prec_unknown())),
            _ => self.postgres.get_next_precedence(parser),
        }
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        self.postgres.prec_value(precedence)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        self.postgres.is_reserved_for_identifier(keyword)
    }

    fn is_select_item_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        explicit || (self.is_column_alias(keyword, parser) && !self.ends_item(parser))
    }

    fn is_table_factor_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        explicit || (self.is_table_alias(keyword, parser) && !self.ends_item(parser))
    }

    // `SELECT FROM t` is Postgres's way to ask only whether there are rows; in ksqlDB it is a slip.
    fn supports_empty_projections(&self) -> bool {
        self.grammar == Grammar::Postgres
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    // `x => …` is a lambda.
    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        false
    }

    // `x -> …` is access to a field.
    fn supports_lambda_functions(&self) -> bool {
        false
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }
}

/// Whether the word just taken as an alias is really the beginning of `EMIT CHANGES`, `EMIT FINAL`
/// or `PARTITION BY`, which sqlparser does not know.
fn begins_our_clause(parser: &Parser<'_>) -> bool {
    let taken = super::cursor::unquoted(&parser.get_current_token().token);
    taken.is_some_and(|word| {
        keywords::is_reserved(word)
            || (word.eq_ignore_ascii_case("EMIT")
                && (parser.peek_word("CHANGES") || parser.peek_word("FINAL")))
            || (word.eq_ignore_ascii_case("PARTITION") && parser.peek_word("BY"))
    })
}

//! Running a case's statements: all of them are read before the first one is run.

use tidemill_engine::{Error, ErrorKind};
use tidemill_sql::parser::{parse_one, split};

use super::case::Case;
use super::three_files::STATEMENTS;
use super::world::World;

/// A statement that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Its place among the statements.
    pub(super) index: usize,
    /// How many statements there are.
    pub(super) count: usize,
    /// The statement.
    pub(super) statement: String,
    /// What is wrong with it.
    pub(super) error: Error,
    /// Whether it was refused while it was read, and so whatever exists.
    pub(super) while_read: bool,
    /// Where it is wrong, line and column within the statement.
    pub(super) place: Option<(u32, u32)>,
    /// The same in the file of the statements, if they have one.
    pub(super) file_place: Option<(u32, u32)>,
}

impl Refusal {
    /// Whether the last statement was refused.
    pub(super) fn is_last(&self) -> bool {
        self.index + 1 == self.count
    }

    /// Whether the text alone tells that the statement is none.
    pub(super) fn is_syntax(&self) -> bool {
        self.while_read || self.error.kind == ErrorKind::Syntax
    }

    /// The same where statements begin at these places of their file.
    pub(super) fn in_file(mut self: Box<Self>, places: &[(u32, u32)]) -> Box<Refusal> {
        self.file_place = places.get(self.index).map(|&(start_line, start_column)| match self.place {
            None => (start_line, start_column),
            Some((1, column)) => (start_line, start_column + column - 1),
            Some((line, column)) => (start_line + line - 1, column),
        });
        self
    }

    /// What is wrong with which statement, for people.
    pub(super) fn tell(&self) -> String {
        let place = match self.file_place {
            Some((line, column)) => format!("{STATEMENTS}:{line}:{column}"),
            None => format!("statement {} of {} was rejected", self.index + 1, self.count),
        };
        let detail = self.error.detail.as_ref().map_or_else(String::new, |detail| format!("\n  {detail}"));
        format!("{place}: {}{detail}\n  {}", self.error.message, self.statement)
    }
}

/// The statements of a case, one by one.
///
/// # Errors
/// The first one that does not parse: then none of them is to be run.
pub(super) fn read(case: &Case) -> Result<Vec<String>, Box<Refusal>> {
    let text = case.statements.join("\n");
    let split = split(&text);
    let pieces = split.statements.iter().chain(&split.remainder);
    let statements: Vec<String> = pieces.map(|piece| piece.text.to_owned()).collect();
    for (index, statement) in statements.iter().enumerate() {
        if let Err(error) = parse_one(statement) {
            return Err(Box::new(Refusal { while_read: true, ..refusal(&statements, index, error.into()) }));
        }
    }
    Ok(statements)
}

/// Runs statements one after the other.
///
/// # Errors
/// The first one that is refused.
pub(super) fn run(world: &mut World, statements: &[String]) -> Result<(), Box<Refusal>> {
    for (index, statement) in statements.iter().enumerate() {
        if let Err(error) = world.execute(statement) {
            return Err(Box::new(refusal(statements, index, error)));
        }
    }
    Ok(())
}

/// What is told of a refused statement: the place of the error is one among all statements, each of which
/// begins on a line of its own.
fn refusal(statements: &[String], index: usize, mut error: Error) -> Refusal {
    let place = error.position.map(|position| (position.line, position.column));
    let before: usize = statements[..index].iter().map(|statement| statement.lines().count()).sum();
    if let Some(position) = &mut error.position {
        position.line += u32::try_from(before).unwrap_or(0);
    }
    let statement = statements[index].clone();
    let count = statements.len();
    Refusal { index, count, statement, error, while_read: false, place, file_place: None }
}

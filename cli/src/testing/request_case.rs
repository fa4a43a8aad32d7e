//! A case of requests: statements that make streams and tables, queries over them, and their answers.

use serde_json::Value;
use tidemill_engine::Error;
use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse_one;

use super::answer_match;
use super::answers::{self, Asked};
use super::case::{Case, ExpectedError};
use super::feeding::{self, Fed};
use super::query_case::{came_out, check_outputs};
use super::statements;
use super::verdict::{ErrorGrades, Verdict};
use super::world::World;

/// What the statements that ask begin with.
const QUERY: &str = "SELECT ";

/// The setting by which a query reads from now on.
const RESET: &str = "auto.offset.reset";

/// Class of the error of a request that is wrong as such, and of none of its statements.
const REQUEST_ERROR: &str = "KsqlErrorMessage";

/// A request that was refused.
struct Refused {
    statement: String,
    error: Error,
    is_last: bool,
    is_push: bool,
}

/// The answers, each with the statement it answers, and what was noticed on the way.
type Answered = (Vec<(Value, String)>, Fed);

/// Runs a case.
pub(super) fn run(case: &Case) -> Verdict {
    let mut world = match World::open(case) {
        Ok(world) => world,
        Err(reason) => return Verdict::failed(reason),
    };
    let done = match answers(&mut world, case) {
        Ok(done) => done,
        Err(reason) => return Verdict::failed(reason),
    };
    match (done, &case.expected_error) {
        (Err(refused), Some(expected)) => judge(expected, &refused),
        (Err(refused), None) => {
            Verdict::failed(format!("rejected: {}\n  {}", refused.error, refused.statement))
        }
        (Ok(_), Some(expected)) => {
            let wanted = expected.message.as_deref().unwrap_or("any message");
            Verdict {
                error: Some(ErrorGrades::default()),
                ..Verdict::failed(format!("nothing was rejected; expected an error with: {wanted}"))
            }
        }
        (Ok((answers, fed)), None) => verdict(&world, case, &answers, &fed),
    }
}

/// The answers to the requests, one by one. The outer error is the test's own.
fn answers(world: &mut World, case: &Case) -> Result<Result<Answered, Box<Refused>>, String> {
    let (queries, others): (Vec<&String>, Vec<&String>) =
        case.statements.iter().partition(|statement| statement.starts_with(QUERY));
    let refused = |statement: &str, error: Error| {
        let is_last = case.statements.last().is_some_and(|last| bare(last) == bare(statement));
        let is_push = is_push(statement);
        Box::new(Refused { statement: statement.to_owned(), error, is_last, is_push })
    };
    let first = Case { statements: others.into_iter().cloned().collect(), ..Case::default() };
    let statements = match statements::read(&first) {
        Ok(statements) => statements,
        Err(refusal) => return Ok(Err(refused(&refusal.statement, refusal.error))),
    };
    let mut answers = Vec::new();
    for statement in &statements {
        match world.execute(statement) {
            Ok(response) => {
                answers.extend(answers::of_statement(&response).map(|answer| (answer, statement.clone())));
            }
            Err(error) => return Ok(Err(refused(statement, error))),
        }
    }
    let from_now_on = case.properties.get(RESET).and_then(Value::as_str) == Some("latest");
    let mut waiting: Option<Asked> = None;
    if case.input_conditions.wait_for_active_push_query
        && let Some(query) = queries.first()
    {
        match answers::ask(world, query, from_now_on) {
            Ok(asked) => waiting = Some(asked),
            Err(error) => return Ok(Err(refused(query, error))),
        }
    }
    feeding::write_inputs(world, case)?;
    let fed = feeding::drive(world, case).map_err(|breakdown| breakdown.tell())?;
    for query in &queries {
        let asked = match waiting.take() {
            Some(asked) => Ok(asked),
            None => answers::ask(world, query, from_now_on),
        };
        let rows_expected = rows_expected(case, answers.len(), "query");
        match asked.and_then(|asked| answers::take(world, asked, rows_expected)) {
            Ok(answer) => answers.push((answer, (*query).clone())),
            Err(error) => return Ok(Err(refused(query, error))),
        }
    }
    for query in queries.iter().filter(|_| case.asks_for_messages) {
        let rows_expected = rows_expected(case, answers.len(), "queryProto");
        let asked = answers::ask(world, query, from_now_on);
        match asked.and_then(|asked| answers::take_messages(world, asked, rows_expected)) {
            Ok(answer) => answers.push((answer, (*query).clone())),
            Err(error) => return Ok(Err(refused(query, error))),
        }
    }
    Ok(Ok((answers, fed)))
}

/// How many rows the answer of that number is to have.
fn rows_expected(case: &Case, number: usize, kind: &str) -> usize {
    let expected = case.responses.get(number).and_then(|expected| expected.get(kind)?.as_array());
    expected.map_or(0, |rows| rows.iter().filter(|row| row.get("row").is_some()).count())
}

fn verdict(world: &World, case: &Case, answers: &[(Value, String)], fed: &Fed) -> Verdict {
    if !case.outputs.is_empty() {
        let checked = came_out(world, case).and_then(|by_topic| check_outputs(case, &by_topic));
        if let Err(reason) = checked {
            let reasons = fed.reasons.iter().map(|reason| format!("\n  dropped: {reason}"));
            return Verdict::failed(format!("{reason}{}", reasons.collect::<String>()));
        }
    }
    for (number, expected) in case.responses.iter().enumerate() {
        let Some((answer, statement)) = answers.get(number) else {
            return Verdict::failed(format!("answer {} is missing: {expected}", number + 1));
        };
        let checked = answers::in_one_form(expected).and_then(|expected| {
            answer_match::check(&expected, answer, case.output_conditions.verify_order, statement)
        });
        if let Err(reason) = checked {
            return Verdict::failed(format!("answer {} to {statement}\n  {reason}", number + 1));
        }
    }
    Verdict::passed()
}

/// Judges a request that was refused, as it should be.
fn judge(expected: &ExpectedError, refused: &Refused) -> Verdict {
    let Refused { statement, error, is_last, is_push } = refused;
    if !is_last {
        let reason = format!("the error came in the wrong place: {error}\n  {statement}");
        return Verdict { error: Some(ErrorGrades::default()), ..Verdict::failed(reason) };
    }
    let class = expected.class.as_deref().and_then(|class| class.rsplit('.').next());
    let whole = format!("{}\nStatement: {};", error.whole_text(), bare(statement));
    let words = expected.message.as_deref().unwrap_or_default();
    let grades = ErrorGrades {
        rejected: true,
        // Of a query over changes the request is refused, of anything else the statement.
        kind: class.is_none_or(|class| (class == REQUEST_ERROR) == *is_push),
        message: whole.contains(words),
    };
    let mut reason = Vec::new();
    if !grades.kind {
        reason.push(format!("the error is of another kind than {}", class.unwrap_or_default()));
    }
    if !grades.message {
        reason.push(format!("the message does not hold: {words}\n  it is: {whole}"));
    }
    let reason = (!reason.is_empty()).then(|| reason.join("\n"));
    Verdict { passed: true, error: Some(grades), reason, ..Verdict::default() }
}

/// A statement without what ends it.
fn bare(statement: &str) -> &str {
    statement.trim().trim_end_matches(';').trim_end()
}

/// Whether a statement asks for changes as they come.
fn is_push(statement: &str) -> bool {
    parse_one(statement)
        .is_ok_and(|parsed| matches!(parsed.statement, Statement::Query(query) if query.emit.is_some()))
}

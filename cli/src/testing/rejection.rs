//! Cases that expect an error: whether it came, and which one it is.

use super::case::ExpectedException;
use super::feeding::Breakdown;
use super::statements::Refusal;
use super::verdict::{ErrorGrades, Verdict};

/// What the case led to instead of results.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// A statement was refused.
    Statement(Box<Refusal>),
    /// A query could not go on.
    Query(Box<Breakdown>),
}

/// Kinds of errors, told by the names of their classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The text is no statement.
    Syntax,
    /// A statement was refused, whatever the reason.
    Statement,
    /// A record could not be processed.
    Processing,
}

impl Failure {
    /// What happened, for people.
    pub(super) fn tell(&self) -> String {
        match self {
            Failure::Statement(refusal) => refusal.tell(),
            Failure::Query(breakdown) => breakdown.tell(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Failure::Statement(refusal) if refusal.is_syntax() => Kind::Syntax,
            Failure::Statement(_) => Kind::Statement,
            Failure::Query(_) => Kind::Processing,
        }
    }

    /// Everything that is told about it.
    fn message(&self) -> String {
        let (error, statement) = match self {
            Failure::Statement(refusal) => (&refusal.error, Some(&refusal.statement)),
            Failure::Query(breakdown) => (&breakdown.error, None),
        };
        let mut message = error.whole_text();
        if let Some(statement) = statement {
            message.push_str("\nStatement: ");
            message.push_str(statement);
            message.push(';');
        }
        message
    }
}

/// Judges what came of a case that expects an error.
pub(super) fn judge(expected: &ExpectedException, failure: Option<&Failure>) -> Verdict {
    let Some(failure) = failure else {
        let wanted = expected.message.as_deref().unwrap_or("any message");
        return Verdict {
            error: Some(ErrorGrades::default()),
            ..Verdict::failed(format!("nothing was rejected; expected an error with: {wanted}"))
        };
    };
    let wanted = kind_of(&expected.class);
    let in_place = match failure {
        Failure::Statement(refusal) => wanted != Kind::Processing && refusal.is_last(),
        Failure::Query(_) => wanted == Kind::Processing,
    };
    let message = failure.message();
    let words = [&expected.message, &expected.cause_message];
    let grades = ErrorGrades {
        rejected: in_place,
        kind: in_place
            && match wanted {
                Kind::Syntax | Kind::Processing => failure.kind() == wanted,
                Kind::Statement => failure.kind() != Kind::Processing,
            },
        message: in_place && words.into_iter().flatten().all(|words| message.contains(words.as_str())),
    };
    let mut reason = Vec::new();
    if !grades.rejected {
        reason.push(format!("the error came in the wrong place: {}", failure.tell()));
    }
    if in_place && !grades.kind {
        reason.push(format!("the error is of another kind than {}", expected.class));
    }
    if in_place && !grades.message {
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        reason.push(format!("the message does not hold: {}\n  it is: {message}", words.join(" … ")));
    }
    Verdict {
        passed: grades.rejected,
        error: Some(grades),
        reason: (!reason.is_empty()).then(|| reason.join("\n")),
        ..Verdict::default()
    }
}

/// The kind that a class is of, or its base class.
fn kind_of(class: &str) -> Kind {
    match class.rsplit('.').next() {
        Some("ParseFailedException") => Kind::Syntax,
        Some("StreamsException") => Kind::Processing,
        _ => Kind::Statement,
    }
}

#[cfg(test)]
mod tests {
    use tidemill_engine::{Error, ErrorKind};

    use super::*;

    fn expected(class: &str, message: &str) -> ExpectedException {
        ExpectedException {
            class: format!("a.b.{class}"),
            message: Some(message.to_owned()),
            cause_message: None,
        }
    }

    fn refusal(index: usize, statement: String, error: Error) -> Refusal {
        Refusal { index, count: 2, statement, error, while_read: false, place: None, file_place: None }
    }

    fn refused(index: usize, kind: ErrorKind, message: &str) -> Failure {
        let (statement, error) = ("SELECT 1".to_owned(), Error::new(kind, message));
        Failure::Statement(Box::new(refusal(index, statement, error)))
    }

    fn grades(expected: &ExpectedException, failure: Option<&Failure>) -> [bool; 3] {
        let verdict = judge(expected, failure);
        let grades = verdict.error.unwrap();
        assert_eq!(verdict.passed, grades.rejected);
        [grades.rejected, grades.kind, grades.message]
    }

    #[test]
    fn an_error_counts_by_its_place_its_kind_and_its_words() {
        let statement = expected("KsqlStatementException", "no such column");
        let refusal = |index, kind| refused(index, kind, "there is no such column 'X'");
        assert_eq!(grades(&statement, Some(&refusal(1, ErrorKind::Invalid))), [true; 3]);
        assert_eq!(grades(&statement, Some(&refusal(1, ErrorKind::Syntax))), [true; 3]);
        assert_eq!(grades(&statement, Some(&refusal(0, ErrorKind::Invalid))), [false; 3]);
        assert_eq!(grades(&statement, None), [false; 3]);
        let syntax = expected("ParseFailedException", "elsewhere");
        assert_eq!(grades(&syntax, Some(&refusal(1, ErrorKind::Invalid))), [true, false, false]);
        let message = expected("KsqlException", "Statement: SELECT 1;");
        assert_eq!(grades(&message, Some(&refusal(1, ErrorKind::Invalid))), [true; 3]);
    }

    #[test]
    fn what_is_refused_while_it_is_read_is_no_statement() {
        let syntax = expected("ParseFailedException", "no such unit");
        let error = Error::new(ErrorKind::Type, "there is no such unit");
        let refusal = |while_read| {
            let (statement, error) = ("SELECT 1".to_owned(), error.clone());
            Failure::Statement(Box::new(Refusal { while_read, ..refusal(1, statement, error) }))
        };
        assert_eq!(grades(&syntax, Some(&refusal(true))), [true; 3]);
        assert_eq!(grades(&syntax, Some(&refusal(false))), [true, false, true]);
    }

    #[test]
    fn an_error_of_a_record_is_none_of_a_statement() {
        let processing = expected("StreamsException", "overflow");
        let error = Error::new(ErrorKind::Evaluation, "numeric overflow");
        let breakdown = Failure::Query(Box::new(Breakdown { query: "Q".to_owned(), record: None, error }));
        assert_eq!(grades(&processing, Some(&breakdown)), [true; 3]);
        assert_eq!(grades(&processing, Some(&refused(1, ErrorKind::Invalid, "overflow"))), [false; 3]);
        assert_eq!(grades(&expected("KsqlException", "overflow"), Some(&breakdown)), [false; 3]);
    }
}

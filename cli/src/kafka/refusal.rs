//! Why something was left as it is, in the protocol's code and in words: calls that manage topics and
//! settings answer with both.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use super::error_code::NONE;

/// The protocol's code and a text for people.
pub(crate) type Refusal = (ResponseError, String);

/// Code and text of an answer to what was done or refused.
pub(crate) fn answered<T>(outcome: Result<T, Refusal>) -> (i16, Option<StrBytes>) {
    match outcome {
        Ok(_) => (NONE, None),
        Err((error, message)) => (error.code(), Some(StrBytes::from_string(message))),
    }
}

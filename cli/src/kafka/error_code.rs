//! The one mapping from the engine's and the log's errors to the protocol's codes.

// A kind of error that is new does not pass before it is decided what it is called here.
#![warn(clippy::wildcard_enum_match_arm)]

use kafka_protocol::ResponseError;
use tidemill_engine::transactions::TransactionError;
use tidemill_engine::{Error, ErrorKind, StorageError, StorageErrorKind};

/// No error.
pub(crate) const NONE: i16 = 0;

/// The code for an outcome.
pub(crate) fn code_of<T>(outcome: &Result<T, ResponseError>) -> i16 {
    match outcome {
        Ok(_) => NONE,
        Err(error) => error.code(),
    }
}

/// What a client should be told about an error of the log.
pub(crate) fn of_storage(error: &StorageError) -> ResponseError {
    match error.kind() {
        StorageErrorKind::Invalid => ResponseError::InvalidRecord,
        // On the way in as well as on disk: either way these bytes are not what was once written.
        StorageErrorKind::CorruptBatch | StorageErrorKind::Corrupt => ResponseError::CorruptMessage,
        StorageErrorKind::TooLarge => ResponseError::MessageTooLarge,
        StorageErrorKind::NotFound => ResponseError::UnknownTopicOrPartition,
        StorageErrorKind::AlreadyExists => ResponseError::TopicAlreadyExists,
        StorageErrorKind::OffsetOutOfRange => ResponseError::OffsetOutOfRange,
        StorageErrorKind::OutOfOrderSequence => ResponseError::OutOfOrderSequenceNumber,
        // Producers take InvalidProducerEpoch from Produce since Kafka 2.7; the coordinator's calls
        // say ProducerFenced, see `of_coordination`.
        StorageErrorKind::ProducerFenced => ResponseError::InvalidProducerEpoch,
        StorageErrorKind::UnknownProducer => ResponseError::UnknownProducerId,
        StorageErrorKind::InvalidTransactionState => ResponseError::InvalidTxnState,
        StorageErrorKind::DiskFull
        | StorageErrorKind::Unusable
        | StorageErrorKind::Poisoned
        | StorageErrorKind::Io => ResponseError::KafkaStorageError,
    }
}

/// What a client should be told about an error of the engine, when it asked something about topics.
pub(crate) fn of_topic(error: &Error) -> ResponseError {
    match error.kind {
        ErrorKind::NotFound => ResponseError::UnknownTopicOrPartition,
        ErrorKind::AlreadyExists => ResponseError::TopicAlreadyExists,
        ErrorKind::Syntax
        | ErrorKind::UnknownColumn
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownSetting
        | ErrorKind::Type
        | ErrorKind::Evaluation
        | ErrorKind::DivisionByZero
        | ErrorKind::InvalidText
        | ErrorKind::TooComplex
        | ErrorKind::Invalid => ResponseError::InvalidRequest,
        ErrorKind::InUse | ErrorKind::LimitExceeded => ResponseError::PolicyViolation,
        ErrorKind::Unsupported => ResponseError::UnsupportedVersion,
        ErrorKind::Cancelled | ErrorKind::Unavailable => ResponseError::CoordinatorNotAvailable,
        ErrorKind::DiskFull | ErrorKind::Corrupt | ErrorKind::Io => ResponseError::KafkaStorageError,
        ErrorKind::Internal => ResponseError::UnknownServerError,
    }
}

/// What a client should be told about an error of a transaction. `knows_fenced` says whether the
/// call's version has a word of its own for a fenced producer (KIP-588).
pub(crate) fn of_transaction(error: &TransactionError, knows_fenced: bool) -> ResponseError {
    match error {
        TransactionError::Fenced if knows_fenced => ResponseError::ProducerFenced,
        TransactionError::Fenced => ResponseError::InvalidProducerEpoch,
        TransactionError::UnknownProducer => ResponseError::InvalidProducerIdMapping,
        TransactionError::InvalidState => ResponseError::InvalidTxnState,
        TransactionError::Concurrent => ResponseError::ConcurrentTransactions,
        TransactionError::Failed(error) => of_coordination(error),
    }
}

/// What a client should be told when committed offsets or producer identities could not be read or
/// written. Retriable codes, because the client did nothing wrong.
pub(crate) fn of_coordination(error: &Error) -> ResponseError {
    match error.kind {
        ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::Syntax
        | ErrorKind::UnknownColumn
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownSetting
        | ErrorKind::Type
        | ErrorKind::Evaluation
        | ErrorKind::DivisionByZero
        | ErrorKind::InvalidText
        | ErrorKind::TooComplex
        | ErrorKind::Invalid
        | ErrorKind::InUse
        | ErrorKind::LimitExceeded
        | ErrorKind::Unsupported => ResponseError::InvalidRequest,
        ErrorKind::Cancelled
        | ErrorKind::Unavailable
        | ErrorKind::DiskFull
        | ErrorKind::Corrupt
        | ErrorKind::Io => ResponseError::CoordinatorNotAvailable,
        ErrorKind::Internal => ResponseError::UnknownServerError,
    }
}

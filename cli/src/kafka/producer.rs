//! Producers as clients name them.

use kafka_protocol::messages;
use tidemill_engine::topics::ProducerIdentity;
use tidemill_engine::{ProducerEpoch, ProducerId};

/// A producer by its id and epoch in a request.
pub(crate) fn identity(id: messages::ProducerId, epoch: i16) -> ProducerIdentity {
    ProducerIdentity { id: ProducerId(id.0), epoch: ProducerEpoch(epoch) }
}

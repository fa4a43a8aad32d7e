//! Offsets that a group commits, gathered from a request: what OffsetCommit and TxnOffsetCommit have in
//! common. Each partition is checked by itself; what is in order is stored together.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use tidemill_engine::group_offsets::GroupOffset;
use tidemill_engine::log::TopicDescription;
use tidemill_engine::{Offset, TopicPartition, wall_clock};

use crate::kafka::connection::Client;
use crate::kafka::error_code::NONE;
use crate::kafka::partition::{target, topic};

/// An offset as it is stored.
pub(super) type Commit = (TopicPartition, GroupOffset);

/// The offsets of one request.
pub(super) struct Committing<'c> {
    client: &'c Client,
    /// Whether the one who asks may commit at all.
    allowed: Result<(), ResponseError>,
    at_ms: i64,
    commits: Vec<Commit>,
}

/// An offset as a request has it.
pub(super) struct Wanted {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) note: Option<StrBytes>,
}

impl Committing<'_> {
    /// A commit that comes in now.
    pub(super) fn now(client: &Client, allowed: Result<(), ResponseError>) -> Committing<'_> {
        Committing { client, allowed, at_ms: wall_clock::now_ms(), commits: Vec::new() }
    }

    /// A topic by the name in the request.
    pub(super) fn topic(&self, name: &str) -> Result<TopicDescription, ResponseError> {
        self.client.server.topics.get(&topic(name)?).ok_or(ResponseError::UnknownTopicOrPartition)
    }

    /// Takes an offset up if it is in order; the code to answer with unless storing it fails.
    pub(super) fn take(&mut self, topic: &Result<TopicDescription, ResponseError>, wanted: Wanted) -> i16 {
        match self.check(topic, wanted) {
            Ok(commit) => {
                self.commits.push(commit);
                NONE
            }
            Err(error) => error.code(),
        }
    }

    /// What was taken up.
    pub(super) fn into_commits(self) -> Vec<Commit> {
        self.commits
    }

    /// The partition has to exist, and the note must not be too long.
    fn check(
        &self,
        topic: &Result<TopicDescription, ResponseError>,
        wanted: Wanted,
    ) -> Result<Commit, ResponseError> {
        self.allowed?;
        let topic = topic.as_ref().map_err(|error| *error)?;
        let target = target(&topic.name, wanted.partition)?;
        if target.partition.0 >= topic.settings.partitions {
            return Err(ResponseError::UnknownTopicOrPartition);
        }
        let metadata = wanted.note.map(|note| note.to_string()).unwrap_or_default();
        if metadata.len() > self.client.server.groups.limits().offset_metadata_bytes_max {
            return Err(ResponseError::OffsetMetadataTooLarge);
        }
        let Wanted { offset, leader_epoch, .. } = wanted;
        let offset = Offset(offset);
        Ok((target, GroupOffset { offset, leader_epoch, metadata, committed_ms: self.at_ms }))
    }
}

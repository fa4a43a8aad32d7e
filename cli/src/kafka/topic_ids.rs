//! Topics by their id: newer clients fetch by id, the log is asked by name.

use std::collections::HashMap;

use parking_lot::RwLock;
use tidemill_engine::topics::Topics;
use tidemill_engine::{TopicId, TopicName};

/// The names behind ids. What it remembers is checked against the topic before it is used, so a
/// topic that was deleted, or deleted and created again, is never taken for the old one. It holds no
/// more entries than there are topics.
pub(crate) struct TopicIds {
    topics: Topics,
    names: RwLock<HashMap<uuid::Uuid, TopicName>>,
}

impl TopicIds {
    /// Knows the ids of these topics.
    pub(crate) fn new(topics: Topics) -> TopicIds {
        TopicIds { topics, names: RwLock::default() }
    }

    /// The name of the topic with this id, if there is one.
    pub(crate) fn name(&self, id: uuid::Uuid) -> Option<TopicName> {
        self.remembered(id).or_else(|| {
            let current = self.topics.list().into_iter().map(|topic| (topic.id.0, topic.name)).collect();
            *self.names.write() = current;
            self.remembered(id)
        })
    }

    fn remembered(&self, id: uuid::Uuid) -> Option<TopicName> {
        let name = self.names.read().get(&id).cloned()?;
        let topic = self.topics.get(&name)?;
        (topic.id == TopicId(id)).then_some(name)
    }
}

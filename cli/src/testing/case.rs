//! What a case says, as it is written in its file.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Case {
    /// Its name, one of a kind among all cases.
    pub(crate) id: String,
    /// Its group in the closing table.
    pub(crate) tier: String,
    /// The name of the test of ksqlDB that it is. Such a case runs with ksqlDB's behaviour where that is
    /// another one than the server's.
    pub(crate) java_name: Option<String>,
    /// The statements, in order.
    pub(crate) statements: Vec<String>,
    /// Where each begins, line and column, if they have a file of their own.
    #[serde(skip)]
    pub(crate) places: Vec<(u32, u32)>,
    /// Settings of the session that runs them.
    pub(crate) properties: Map<String, Value>,
    /// Topics that are there before the first statement.
    pub(crate) topics: Vec<Topic>,
    /// The records that go in, in order.
    pub(crate) inputs: Vec<CaseRecord>,
    /// The records that have to come out: those of a topic in order.
    pub(crate) outputs: Vec<CaseRecord>,
    /// The error that the last statement, or a record, has to lead to.
    pub(crate) expected_exception: Option<ExpectedException>,
    /// What has to exist in the end.
    pub(crate) post: Option<PostConditions>,
    /// What statements and queries have to answer.
    pub(crate) responses: Vec<Value>,
    /// The error that a request has to lead to.
    pub(crate) expected_error: Option<ExpectedError>,
    /// Whether every query is asked once more, for rows as messages of Protobuf.
    #[serde(rename = "testPullWithProtoFormat")]
    pub(crate) asks_for_messages: bool,
    /// Whether nobody has written down yet what is expected.
    #[serde(skip)]
    pub(crate) lacks_outputs: bool,
    /// Whether everything counts: what has to exist, the kind and the words of an error, records of topics
    /// that no output names, and whole numbers as they are written.
    #[serde(skip)]
    pub(crate) is_strict: bool,
    /// When the records go in.
    pub(crate) input_conditions: InputConditions,
    /// How answers are compared.
    pub(crate) output_conditions: OutputConditions,
}

/// A topic that is there before the first statement.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Topic {
    /// Its name.
    pub(crate) name: String,
    /// Its partitions.
    pub(crate) partitions: Option<u32>,
    /// The format of its keys.
    pub(crate) key_format: Option<String>,
    /// The schema of its keys.
    pub(crate) key_schema: Option<Value>,
    /// The number of that schema.
    pub(crate) key_schema_id: Option<i32>,
    /// The schemas that it refers to.
    pub(crate) key_schema_references: Vec<ReferredSchema>,
    /// The format of its values.
    pub(crate) value_format: Option<String>,
    /// The schema of its values.
    pub(crate) value_schema: Option<Value>,
    /// The number of that schema.
    pub(crate) value_schema_id: Option<i32>,
    /// The schemas that it refers to.
    pub(crate) value_schema_references: Vec<ReferredSchema>,
}

/// A schema that another refers to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReferredSchema {
    /// What the other calls it.
    pub(crate) name: String,
    /// The format that has such schemas.
    pub(crate) format: String,
    /// The schema.
    pub(crate) schema: Value,
}

/// The schema of a topic's keys or values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedSchema<'c> {
    /// The format that has such schemas.
    pub(crate) format: &'c str,
    /// The schema.
    pub(crate) schema: &'c Value,
    /// Its number, where the case gives it.
    pub(crate) id: Option<i32>,
    /// The schemas that it refers to.
    pub(crate) references: &'c [ReferredSchema],
}

impl Topic {
    /// Its schemas by their subjects, that of keys first.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (String, ListedSchema<'_>)> {
        let key = (&self.key_format, &self.key_schema, self.key_schema_id, &self.key_schema_references);
        let value =
            (&self.value_format, &self.value_schema, self.value_schema_id, &self.value_schema_references);
        [("key", key), ("value", value)].into_iter().filter_map(|(part, (format, schema, id, references))| {
            let (format, schema) = (format.as_deref()?, schema.as_ref()?);
            Some((format!("{}-{part}", self.name), ListedSchema { format, schema, id, references }))
        })
    }
}

/// A record that goes in or has to come out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CaseRecord {
    /// Its topic.
    pub(crate) topic: String,
    /// Its key.
    pub(crate) key: Value,
    /// Its value.
    pub(crate) value: Value,
    /// Its timestamp; one that is not expected is not compared.
    pub(crate) timestamp: Option<i64>,
    /// The window of its key.
    pub(crate) window: Option<CaseWindow>,
    /// Its headers.
    pub(crate) headers: Vec<CaseHeader>,
}

/// The window of a key.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CaseWindow {
    /// Its first millisecond.
    pub(crate) start: i64,
    /// The millisecond behind it; of a session its last.
    pub(crate) end: i64,
    /// `TIME` or `SESSION`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
}

impl CaseWindow {
    /// Whether it is a session.
    pub(crate) fn is_session(&self) -> bool {
        self.kind.eq_ignore_ascii_case("SESSION")
    }
}

/// A header.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) struct CaseHeader {
    /// Its name.
    pub(crate) key: String,
    /// Its value in base 64.
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// An error by its Java class and words that its message holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExpectedException {
    /// The class.
    #[serde(rename = "type", default)]
    pub(crate) class: String,
    /// Words of the message.
    pub(crate) message: Option<String>,
    /// Words of the message of what caused it.
    pub(crate) cause_message: Option<String>,
}

/// An error that a request is answered with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExpectedError {
    /// The class of the answer.
    #[serde(rename = "type")]
    pub(crate) class: Option<String>,
    /// Words of the message.
    pub(crate) message: Option<String>,
}

/// What has to exist in the end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PostConditions {
    /// Streams and tables.
    pub(crate) sources: Vec<PostSource>,
    /// Topics.
    pub(crate) topics: Option<PostTopics>,
}

/// A stream or table that has to exist. What is not said is not compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PostSource {
    /// Its name.
    pub(crate) name: String,
    /// `stream` or `table`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its columns, as a declaration would have them.
    pub(crate) schema: Option<String>,
    /// How keys are written, and in which windows.
    pub(crate) key_format: Option<PostFormat>,
    /// How values are written.
    pub(crate) value_format: Option<Value>,
    /// Whether a single key column is wrapped.
    pub(crate) key_features: Option<Vec<String>>,
    /// Whether a single value column is wrapped.
    pub(crate) value_features: Option<Vec<String>>,
    /// Whether it is declared read-only.
    pub(crate) is_source: Option<bool>,
}

/// A format with its windows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PostFormat {
    /// Its name.
    pub(crate) format: Option<String>,
    /// `TUMBLING`, `HOPPING` or `SESSION`; keys without it have no windows.
    pub(crate) window_type: Option<String>,
    /// Length of a window in milliseconds.
    pub(crate) window_size: Option<i64>,
    /// Whether a single column is wrapped.
    pub(crate) features: Option<Vec<String>>,
}

/// Topics that have to exist, and those that must not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PostTopics {
    /// A pattern that no topic's name may hold.
    pub(crate) blacklist: Option<String>,
    /// Topics that have to exist.
    pub(crate) topics: Vec<PostTopic>,
}

/// A topic that has to exist.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PostTopic {
    /// Its name.
    pub(crate) name: String,
    /// How keys are written.
    pub(crate) key_format: Option<PostFormat>,
    /// How values are written.
    pub(crate) value_format: Option<PostFormat>,
    /// The registered schema of its keys.
    pub(crate) key_schema: Option<Value>,
    /// The registered schema of its values.
    pub(crate) value_schema: Option<Value>,
}

/// When the records go in.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct InputConditions {
    /// Only once the query of the case waits for them.
    pub(crate) wait_for_active_push_query: bool,
}

/// How answers are compared.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OutputConditions {
    /// Row by row; otherwise the rows may come in any order.
    pub(crate) verify_order: bool,
}

impl Case {
    /// Whether the case is one of requests and their answers.
    pub(crate) fn has_requests(&self) -> bool {
        !self.responses.is_empty() || self.expected_error.is_some()
    }
}

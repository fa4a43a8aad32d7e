//! A small Kafka producer: the demo's records take the way of every other client's.
//!
//! It speaks one version of one request and waits for each answer, which is enough for a few hundred
//! records a second. Topics have one partition each, so there is nothing to choose.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, StrBytes, encode_request_header_into_buffer,
};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use tidemill_engine::wall_clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::sampler::Sample;
use crate::failure::CommandFailure;

/// The version spoken: topics by name, and the flexible encoding of today's clients.
const VERSION: i16 = 9;

/// How long the server may wait for its disk.
const TIMEOUT_MS: i32 = 10_000;

/// The largest answer taken. An answer has some dozen bytes a topic.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A connection to the Kafka door.
pub(super) struct Producer {
    stream: TcpStream,
    correlation_id: i32,
}

impl Producer {
    /// Connects.
    pub(super) async fn connect(address: SocketAddr) -> Result<Producer, CommandFailure> {
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Producer { stream, correlation_id: 0 })
    }

    /// Produces samples, one batch a topic; they are on disk when it returns.
    pub(super) async fn send(&mut self, samples: Vec<Sample>) -> Result<(), CommandFailure> {
        if samples.is_empty() {
            return Ok(());
        }
        let request = request(samples, wall_clock::now_ms())?;
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let header = RequestHeader::default()
            .with_request_api_key(ApiKey::Produce as i16)
            .with_request_api_version(VERSION)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(StrBytes::from_static_str("tidemill-demo")));
        let mut body = BytesMut::new();
        encode_request_header_into_buffer(&mut body, &header).map_err(failed)?;
        request.encode(&mut body, VERSION).map_err(failed)?;
        let length = i32::try_from(body.len()).map_err(failed)?;
        self.stream.write_all(&length.to_be_bytes()).await.map_err(failed)?;
        self.stream.write_all(&body).await.map_err(failed)?;
        check(self.answer().await?)
    }

    async fn answer(&mut self) -> Result<ProduceResponse, CommandFailure> {
        let length = self.stream.read_i32().await.map_err(failed)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES_MAX);
        let length = length.ok_or_else(|| failed("the answer is too long"))?;
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await.map_err(failed)?;
        let mut answer = Bytes::from(answer);
        let header =
            ResponseHeader::decode(&mut answer, ProduceResponse::header_version(VERSION)).map_err(failed)?;
        if header.correlation_id != self.correlation_id {
            return Err(failed("the answer belongs to another request"));
        }
        ProduceResponse::decode(&mut answer, VERSION).map_err(failed)
    }
}

fn request(samples: Vec<Sample>, timestamp_ms: i64) -> Result<ProduceRequest, CommandFailure> {
    let mut topics: BTreeMap<&'static str, Vec<Record>> = BTreeMap::new();
    for sample in samples {
        let records = topics.entry(sample.topic).or_default();
        let record = record(records.len(), timestamp_ms, sample)?;
        records.push(record);
    }
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut data = Vec::with_capacity(topics.len());
    for (topic, records) in topics {
        let mut batch = BytesMut::new();
        RecordBatchEncoder::encode(&mut batch, records.iter(), &options).map_err(failed)?;
        let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch.freeze()));
        data.push(
            TopicProduceData::default()
                .with_name(TopicName(StrBytes::from_static_str(topic)))
                .with_partition_data(vec![partition]),
        );
    }
    Ok(ProduceRequest::default().with_acks(-1).with_timeout_ms(TIMEOUT_MS).with_topic_data(data))
}

fn record(index: usize, timestamp: i64, sample: Sample) -> Result<Record, CommandFailure> {
    let position = i32::try_from(index).map_err(failed)?;
    let value = serde_json::to_vec(&sample.value).map_err(failed)?;
    Ok(Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(position),
        // The encoder takes records for one batch while their sequences go up with their offsets.
        sequence: NO_SEQUENCE.wrapping_add(position),
        timestamp,
        key: Some(Bytes::from(sample.key)),
        value: Some(Bytes::from(value)),
        headers: IndexMap::new(),
    })
}

fn check(response: ProduceResponse) -> Result<(), CommandFailure> {
    for topic in response.responses {
        for partition in topic.partition_responses {
            if let Some(error) = ResponseError::try_from_code(partition.error_code) {
                let reason =
                    partition.error_message.map_or_else(|| error.to_string(), |text| text.to_string());
                return Err(failed(format!("topic {}: {reason}", topic.name.as_str())));
            }
        }
    }
    Ok(())
}

fn failed(reason: impl std::fmt::Display) -> CommandFailure {
    CommandFailure(format!("could not produce the machine's metrics: {reason}"))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_samples_of_a_topic_make_one_batch() {
        let sample = |topic, key: &str| Sample { topic, key: key.to_owned(), value: json!({ "a": 1.5 }) };
        let samples = vec![sample("x", "1"), sample("y", "2"), sample("x", "3")];
        let request = request(samples, 1_000).unwrap();
        assert_eq!(request.topic_data.len(), 2);
        let mut batch = request.topic_data[0].partition_data[0].records.clone().unwrap();
        let decoded = RecordBatchDecoder::decode_all(&mut batch).unwrap();
        assert_eq!(decoded.len(), 1);
        let records = &decoded[0].records;
        let keys: Vec<_> = records.iter().map(|record| record.key.clone().unwrap()).collect();
        assert_eq!(keys, ["1", "3"]);
        assert_eq!(records[1].value.as_deref(), Some(br#"{"a":1.5}"#.as_slice()));
        assert!(records.iter().all(|record| record.timestamp == 1_000));
    }
}

//! The door as a client meets it: over a socket, with good requests and with bad ones.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes};
use tidemill_engine::topics::{TopicLimits, Topics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::options::KafkaOptions;
use super::samples::samples;
use super::{KafkaDoor, versions};

/// A door over a log in memory.
struct Door {
    address: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Door {
    async fn open() -> Door {
        Door::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut KafkaOptions)) -> Door {
        let mut options = KafkaOptions::new("test");
        change(&mut options);
        let topics = Topics::in_memory(TopicLimits { partitions_default: 1, ..TopicLimits::default() });
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let door = KafkaDoor::bind(any_port, topics, options).await.unwrap();
        let address = door.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(door.run(stop.clone()));
        Door { address, stop, running }
    }

    async fn client(&self) -> Wire {
        Wire { stream: TcpStream::connect(self.address).await.unwrap(), next: 0 }
    }
}

/// A client that does what it is told, right or wrong.
struct Wire {
    stream: TcpStream,
    next: i32,
}

impl Wire {
    async fn call<T: Request>(&mut self, request: T, version: i16) -> T::Response {
        self.send(&request, version).await;
        self.receive::<T>(version).await
    }

    async fn send<T: Request>(&mut self, request: &T, version: i16) {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).unwrap();
        self.send_body(T::KEY, version, T::header_version(version) >= 2, &body).await;
    }

    async fn send_body(&mut self, api_key: i16, version: i16, flexible: bool, body: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_i16(api_key);
        frame.put_i16(version);
        frame.put_i32(self.next);
        frame.put_i16(4);
        frame.put_slice(b"test");
        if flexible {
            frame.put_u8(0);
        }
        frame.put_slice(body);
        self.next += 1;
        self.send_frame(&frame).await;
    }

    async fn send_frame(&mut self, frame: &[u8]) {
        let length = i32::try_from(frame.len()).unwrap();
        self.stream.write_all(&length.to_be_bytes()).await.unwrap();
        self.stream.write_all(frame).await.unwrap();
    }

    async fn receive<T: Request>(&mut self, version: i16) -> T::Response {
        let (_, mut body) = self.receive_body(T::Response::header_version(version) >= 1).await;
        let response = T::Response::decode(&mut body, version).unwrap();
        assert!(body.is_empty(), "bytes behind the answer");
        response
    }

    /// Correlation id and body of the next answer.
    async fn receive_body(&mut self, flexible: bool) -> (i32, Bytes) {
        let length = self.stream.read_i32().await.expect("an answer");
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut bytes).await.unwrap();
        let mut bytes = Bytes::from(bytes);
        let correlation_id = bytes.get_i32();
        if flexible {
            assert_eq!(bytes.get_u8(), 0, "no tagged fields in the header");
        }
        (correlation_id, bytes)
    }

    /// Waits for the server to close the connection, without another answer.
    async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is a way to close, too.
        let _ = self.stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"", "nothing more is answered");
    }

    async fn create(&mut self, topic: &'static str, partitions: i32) {
        let topic = create_topics_request::CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let response = self.call(CreateTopicsRequest::default().with_topics(vec![topic]), 7).await;
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }

    async fn produce(
        &mut self,
        topic: &'static str,
        batch: Bytes,
    ) -> produce_response::PartitionProduceResponse {
        let response = self.call(produce(topic, batch, -1), 9).await;
        response.responses[0].partition_responses[0].clone()
    }

    async fn fetch(&mut self, topic: &'static str, offset: i64) -> fetch_response::PartitionData {
        let response = self.call(fetch(topic, offset, 0), 12).await;
        response.responses[0].partitions[0].clone()
    }
}

fn name(topic: &'static str) -> TopicName {
    StrBytes::from_static_str(topic).into()
}

fn produce(topic: &'static str, batch: Bytes, acks: i16) -> ProduceRequest {
    let partition = produce_request::PartitionProduceData::default().with_index(0).with_records(Some(batch));
    let topic = produce_request::TopicProduceData::default()
        .with_name(name(topic))
        .with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(5000).with_topic_data(vec![topic])
}

fn fetch(topic: &'static str, offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = fetch_request::FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = fetch_request::FetchTopic::default().with_topic(name(topic)).with_partitions(vec![partition]);
    FetchRequest::default().with_max_wait_ms(max_wait_ms).with_min_bytes(1).with_topics(vec![topic])
}

/// A record batch around the records' bytes, which may be compressed by a codec.
fn batch_of(records: &[u8], count: i32, codec: i16) -> BytesMut {
    let mut tail = BytesMut::new();
    tail.put_i16(codec);
    tail.put_i32(count - 1);
    tail.put_i64(1000);
    tail.put_i64(1000);
    tail.put_i64(-1);
    tail.put_i16(-1);
    tail.put_i32(-1);
    tail.put_i32(count);
    tail.put_slice(records);
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_i32(i32::try_from(tail.len()).unwrap() + 9);
    batch.put_i32(-1);
    batch.put_i8(2);
    batch.put_u32(crc32c::crc32c(&tail));
    batch.put_slice(&tail);
    batch
}

/// A batch of records with these values and no keys.
fn batch(values: &[&[u8]]) -> Bytes {
    let mut records = BytesMut::new();
    for (offset, value) in values.iter().enumerate() {
        let mut record = BytesMut::new();
        record.put_u8(0);
        put_varint(&mut record, 0);
        put_varint(&mut record, i64::try_from(offset).unwrap());
        put_varint(&mut record, -1);
        put_varint(&mut record, i64::try_from(value.len()).unwrap());
        record.put_slice(value);
        put_varint(&mut record, 0);
        put_varint(&mut records, i64::try_from(record.len()).unwrap());
        records.put(record);
    }
    batch_of(&records, i32::try_from(values.len()).unwrap(), 0).freeze()
}

fn put_varint(bytes: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.put_u8((rest as u8) | 0x80);
        rest >>= 7;
    }
    bytes.put_u8(rest as u8);
}

/// Memory of this process in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_call_is_answered_in_every_version() {
    let door = Door::open().await;
    for sample in samples() {
        let (api, version) = (sample.api, sample.version);
        let mut client = door.client().await;
        let flexible = api.request_header_version(version) >= 2;
        client.send_body(api as i16, version, flexible, &sample.body).await;
        let (_, body) = client.receive_body(api.response_header_version(version) >= 1).await;
        assert_eq!((sample.decode_answer)(body, version), Ok(0), "{api:?} version {version}");
    }
}

#[tokio::test]
async fn what_is_produced_is_fetched_byte_for_byte() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let sent = batch(&[b"one", b"two"]);
    let appended = client.produce("t", sent.clone()).await;
    assert_eq!((appended.error_code, appended.base_offset), (0, 0));
    assert_eq!(client.produce("t", batch(&[b"three"])).await.base_offset, 2);
    let fetched = client.fetch("t", 0).await;
    let records = fetched.records.unwrap();
    // Leader epoch is the server's; base offset happens to be the client's.
    assert_eq!(records[..12], sent[..12]);
    assert_eq!(records[16..sent.len()], sent[16..]);
    assert_eq!((fetched.high_watermark, fetched.last_stable_offset, fetched.log_start_offset), (3, 3, 0));
    // In the middle of a batch the whole batch comes.
    assert_eq!(client.fetch("t", 1).await.records.unwrap().len(), records.len());
    assert_eq!(client.fetch("t", 3).await.records.unwrap().len(), 0);
    assert_eq!(client.fetch("t", 4).await.error_code, ResponseError::OffsetOutOfRange.code());
}

#[tokio::test]
async fn every_version_of_produce_and_fetch_does_its_work() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let metadata = client.call(MetadataRequest::default().with_topics(None), 12).await;
    let id = metadata.topics[0].topic_id;
    for (version, offset) in (3..=11).zip(0..) {
        let response = client.call(produce("t", batch(&[b"v"]), 1), version).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, offset), "version {version}");
    }
    for version in 4..=17 {
        let mut request = fetch("t", 0, 0);
        if version <= 14 {
            request.replica_id = (-1).into();
        }
        request.topics[0].topic_id = id;
        let response = client.call(request, version).await;
        let partition = &response.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.high_watermark), (0, 9), "version {version}");
        assert!(!partition.records.as_ref().unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_empty_fetch_waits_for_the_next_record() {
    let door = Door::open().await;
    let (mut reader, mut writer) = (door.client().await, door.client().await);
    writer.create("t", 1).await;
    reader.send(&fetch("t", 0, 60_000), 12).await;
    writer.produce("t", batch(&[b"v"])).await;
    let response = reader.receive::<FetchRequest>(12).await;
    assert!(!response.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
}

#[tokio::test]
async fn a_fetch_waits_for_as_many_bytes_as_it_wants() {
    let door = Door::open().await;
    let (mut reader, mut writer) = (door.client().await, door.client().await);
    writer.create("t", 1).await;
    let sent = batch(&[b"value"]);
    let mut request = fetch("t", 0, 60_000);
    request.min_bytes = i32::try_from(sent.len() * 3).unwrap();
    reader.send(&request, 12).await;
    for _ in 0..3 {
        writer.produce("t", sent.clone()).await;
    }
    let response = reader.receive::<FetchRequest>(12).await;
    assert_eq!(response.responses[0].partitions[0].records.as_ref().unwrap().len(), sent.len() * 3);
}

#[tokio::test]
async fn an_answer_stays_within_its_bounds_but_for_one_batch() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let size = client.produce_many("t", 5).await;
    for (bytes_max, batches) in [(0, 1), (size - 1, 1), (2 * size, 2), (1 << 20, 5)] {
        let mut request = fetch("t", 0, 0);
        request.topics[0].partitions[0].partition_max_bytes = i32::try_from(bytes_max).unwrap();
        let response = client.call(request, 12).await;
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        assert_eq!(records.len(), batches * size, "at most {bytes_max} bytes");
    }
}

impl Wire {
    /// Produces batches of one size; gives the size.
    async fn produce_many(&mut self, topic: &'static str, count: usize) -> usize {
        let sent = batch(&[b"value"]);
        for _ in 0..count {
            assert_eq!(self.produce(topic, sent.clone()).await.error_code, 0);
        }
        sent.len()
    }
}

#[tokio::test]
async fn a_request_that_is_larger_decoded_than_the_budget_for_frames_is_answered() {
    let door = Door::with(|options| options.connections.request_bytes_total_max = 1 << 20).await;
    let mut client = door.client().await;
    let topics = (0..4_000)
        .map(|number| {
            let name = StrBytes::from_string(format!("{number:080}"));
            metadata_request::MetadataRequestTopic::default().with_name(Some(name.into()))
        })
        .collect();
    let request = MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(false);
    let answer = tokio::time::timeout(Duration::from_secs(20), client.call(request, 9)).await;
    assert_eq!(answer.expect("nobody waits in a circle").topics.len(), 4_000);
}

#[tokio::test]
async fn answers_come_in_the_order_of_requests() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let first = client.next;
    // A fetch that waits stands before the very produce that ends its waiting.
    client.send(&fetch("t", 0, 60_000), 12).await;
    for _ in 0..20 {
        client.send(&produce("t", batch(&[b"v"]), -1), 9).await;
    }
    client.send(&MetadataRequest::default(), 12).await;
    for expected in first..first + 22 {
        let (correlation_id, _) = client.receive_body(true).await;
        assert_eq!(correlation_id, expected);
    }
}

#[tokio::test]
async fn a_produce_without_acknowledgement_is_not_answered() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    client.send(&produce("t", batch(&[b"v"]), 0), 9).await;
    let asked = client.next;
    client.send(&MetadataRequest::default(), 12).await;
    assert_eq!(client.receive_body(true).await.0, asked);
    assert_eq!(client.fetch("t", 0).await.high_watermark, 1);
    client.send(&produce("nowhere", batch(&[b"v"]), 0), 9).await;
    client.closed().await;
}

#[tokio::test]
async fn an_unknown_number_of_acknowledgements_is_refused() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let response = client.call(produce("t", batch(&[b"v"]), 2), 9).await;
    let code = response.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ResponseError::InvalidRequiredAcks.code());
}

#[tokio::test]
async fn a_client_that_is_too_new_is_told_what_there_is() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.send_body(ApiKey::ApiVersions as i16, 99, true, b"what this holds nobody knows yet").await;
    let response = client.receive::<ApiVersionsRequest>(0).await;
    assert_eq!(response.error_code, ResponseError::UnsupportedVersion.code());
    assert_eq!(response.api_keys, versions::advertised());
}

#[tokio::test]
async fn a_producer_that_is_too_old_is_told_so() {
    let door = Door::open().await;
    let mut client = door.client().await;
    for version in 0..=2 {
        let mut body = BytesMut::new();
        body.put_i16(1);
        body.put_i32(1000);
        body.put_i32(1);
        body.put_i16(1);
        body.put_slice(b"t");
        body.put_i32(1);
        body.put_i32(3);
        body.put_i32(2);
        body.put_slice(b"??");
        client.send_body(ApiKey::Produce as i16, version, false, &body).await;
        let (_, mut answer) = client.receive_body(false).await;
        assert_eq!((answer.get_i32(), answer.get_i16(), answer.get_u8()), (1, 1, b't'));
        assert_eq!((answer.get_i32(), answer.get_i32()), (1, 3));
        assert_eq!(answer.get_i16(), ResponseError::UnsupportedVersion.code());
        assert_eq!(answer.get_i64(), -1);
        assert_eq!(answer.len(), [0, 4, 12][usize::try_from(version).unwrap()]);
    }
}

#[tokio::test]
async fn bad_frames_close_their_connection_and_no_other() {
    let door = Door::open().await;
    let mut other = door.client().await;
    let header = |api_key: i16, version: i16| {
        let mut frame = BytesMut::new();
        frame.put_i16(api_key);
        frame.put_i16(version);
        frame.put_i32(0);
        frame.put_i16(-1);
        frame
    };
    let mut two_to_the_31 = header(ApiKey::Metadata as i16, 1);
    two_to_the_31.put_i32(i32::MAX);
    let mut negative_count = header(ApiKey::Metadata as i16, 1);
    negative_count.put_i32(-7);
    let mut compact_count = header(ApiKey::Metadata as i16, 9);
    compact_count.put_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    let mut bad_varint = header(ApiKey::Metadata as i16, 9);
    bad_varint.put_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let mut bad_client_id = BytesMut::new();
    bad_client_id.put_slice(&[0, 3, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, b'x']);
    for (what, frame) in [
        ("an unknown call", header(9999, 0)),
        ("a call between brokers", header(ApiKey::WriteTxnMarkers as i16, 1)),
        ("a version that is too new", header(ApiKey::Metadata as i16, 99)),
        ("a version that is too old", header(ApiKey::Fetch as i16, 0)),
        ("a negative version", header(ApiKey::Metadata as i16, -1)),
        ("an array of 2^31 elements", two_to_the_31),
        ("an array of -7 elements", negative_count),
        ("a compact array of 2^32 elements", compact_count),
        ("a varint without an end", bad_varint),
        ("a client id longer than the frame", bad_client_id),
        ("a body that is cut off", header(ApiKey::CreateTopics as i16, 2)),
        ("no header", BytesMut::from(&b"\0"[..])),
        ("nothing", BytesMut::new()),
    ] {
        println!("{what}");
        let mut client = door.client().await;
        client.send_frame(&frame).await;
        client.closed().await;
    }
    for length in [-1, i32::MIN, i32::MAX, 100 * 1024 * 1024 + 1] {
        let mut client = door.client().await;
        client.stream.write_i32(length).await.unwrap();
        client.closed().await;
    }
    other.call(MetadataRequest::default(), 12).await;
}

#[tokio::test]
async fn answers_before_a_bad_frame_still_come() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.send(&MetadataRequest::default(), 12).await;
    client.send_frame(b"\xff\xff no such call").await;
    client.receive::<MetadataRequest>(12).await;
    client.closed().await;
}

#[tokio::test]
async fn bad_batches_are_refused_one_by_one() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let mut bad_crc = BytesMut::from(&batch(&[b"value"])[..]);
    bad_crc[62] ^= 1;
    let mut old_magic = BytesMut::from(&batch(&[b"value"])[..]);
    old_magic[16] = 1;
    let good = batch(&[b"value"]);
    let lie = batch_of(&good[61..], 1_000_000, 0);
    let oversize = batch(&[&vec![0; 2 << 20]]);
    for (what, sent, error) in [
        ("a bad checksum", bad_crc.freeze(), ResponseError::CorruptMessage),
        ("half a batch", good.slice(..40), ResponseError::CorruptMessage),
        ("an older format", old_magic.freeze(), ResponseError::CorruptMessage),
        ("no batch at all", Bytes::new(), ResponseError::InvalidRecord),
        ("more bytes than the topic takes", oversize, ResponseError::MessageTooLarge),
    ] {
        let answer = client.produce("t", sent).await;
        assert_eq!(answer.error_code, error.code(), "{what}: {:?}", answer.error_message);
    }
    let answer = client.produce("t", lie.freeze()).await;
    assert_ne!(answer.error_code, 0, "more records than there are");
    assert_eq!(client.produce("t", good).await.base_offset, 0, "nothing of them was appended");
}

/// A batch of one record, whose value is zeros that gzip shrinks a thousandfold.
fn bomb(value_bytes: usize) -> Bytes {
    use std::io::Write;
    let mut head = BytesMut::new();
    head.put_u8(0);
    put_varint(&mut head, 0);
    put_varint(&mut head, 0);
    put_varint(&mut head, -1);
    put_varint(&mut head, i64::try_from(value_bytes).unwrap());
    let mut start = BytesMut::new();
    put_varint(&mut start, i64::try_from(head.len() + value_bytes + 1).unwrap());
    start.put(head);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&start).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..value_bytes >> 20 {
        gzip.write_all(&block).unwrap();
    }
    gzip.write_all(&[0]).unwrap();
    batch_of(&gzip.finish().unwrap(), 1, 1).freeze()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compression_bomb_is_refused_and_takes_no_memory() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let bomb = bomb(512 << 20);
    assert!(bomb.len() < 1 << 20, "it is small enough for the topic");
    let before = resident_kib();
    for _ in 0..3 {
        assert_ne!(client.produce("t", bomb.clone()).await.error_code, 0);
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
}

#[tokio::test]
async fn a_thousand_half_open_connections_take_little_memory_and_are_given_up() {
    let door = Door::with(|options| options.connections.handshake_timeout = Duration::from_millis(500)).await;
    let before = resident_kib();
    let mut half_open = Vec::new();
    for number in 0..1000 {
        // Some say nothing, the others announce as much as they may and send a little.
        let mut client = door.client().await;
        if number % 2 == 0 {
            client.stream.write_i32(100 * 1024 * 1024).await.unwrap();
            client.stream.write_all(b"a little").await.unwrap();
        }
        half_open.push(client);
    }
    door.client().await.call(MetadataRequest::default(), 12).await;
    for client in &mut half_open {
        client.closed().await;
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
}

#[tokio::test]
async fn metadata_creates_topics_that_may_be_created() {
    let door = Door::open().await;
    let mut client = door.client().await;
    let ask = |topic: &'static str, create: bool| {
        let topic = metadata_request::MetadataRequestTopic::default().with_name(Some(name(topic)));
        MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(create)
    };
    let code = |response: MetadataResponse| response.topics[0].error_code;
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(code(client.call(ask("t", false), 12).await), unknown);
    let response = client.call(ask("t", true), 12).await;
    assert_eq!((response.topics[0].error_code, response.topics[0].partitions.len()), (0, 1));
    assert_eq!(response.brokers[0].port, i32::from(door.address.port()));
    assert_eq!(response.brokers[0].host.as_str(), "127.0.0.1");
    assert_eq!(code(client.call(ask("t", false), 12).await), 0);
    let illegal = ResponseError::InvalidTopicException.code();
    assert_eq!(code(client.call(ask("no topic", true), 12).await), illegal);
}

#[tokio::test]
async fn a_deleted_topic_ends_waiting_fetches_and_is_not_found_by_its_id() {
    let door = Door::open().await;
    let (mut reader, mut other) = (door.client().await, door.client().await);
    other.create("t", 1).await;
    let id = other.call(MetadataRequest::default().with_topics(None), 12).await.topics[0].topic_id;
    let mut by_id = fetch("t", 0, 60_000);
    by_id.topics[0].topic_id = id;
    reader.send(&by_id, 15).await;
    other.call(DeleteTopicsRequest::default().with_topic_names(vec![name("t")]), 5).await;
    let response = reader.receive::<FetchRequest>(15).await;
    assert_ne!(response.responses[0].partitions[0].error_code, 0);
    other.create("t", 1).await;
    let response = reader.call(by_id, 15).await;
    assert_eq!(response.responses[0].partitions[0].error_code, ResponseError::UnknownTopicId.code());
}

#[tokio::test]
async fn a_fetch_session_is_never_opened() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.create("t", 1).await;
    let response = client.call(fetch("t", 0, 0).with_session_epoch(0), 12).await;
    assert_eq!(response.session_id, 0);
    let response = client.call(fetch("t", 0, 0).with_session_id(5).with_session_epoch(1), 12).await;
    assert_eq!(response.error_code, ResponseError::FetchSessionIdNotFound.code());
}

#[tokio::test]
async fn a_server_that_stops_lets_waiting_answers_out() {
    let door = Door::open().await;
    let (mut client, mut other) = (door.client().await, door.client().await);
    client.create("t", 1).await;
    client.create("u", 1).await;
    client.send(&fetch("t", 0, 60_000), 12).await;
    // The fetch is under way once a request behind it has taken effect.
    client.send(&produce("u", batch(&[b"v"]), 0), 9).await;
    while other.fetch("u", 0).await.high_watermark == 0 {}
    door.stop.cancel();
    client.receive::<FetchRequest>(12).await;
    client.closed().await;
    door.running.await.unwrap();
}

fn joining(member: StrBytes) -> JoinGroupRequest {
    let protocol = join_group_request::JoinGroupRequestProtocol::default()
        .with_name(StrBytes::from_static_str("range"))
        .with_metadata(Bytes::from_static(b"subscription"));
    JoinGroupRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(member)
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![protocol])
}

fn syncing(joined: &JoinGroupResponse, shares: &[&StrBytes]) -> SyncGroupRequest {
    let shares = shares.iter().map(|member| {
        sync_group_request::SyncGroupRequestAssignment::default()
            .with_member_id((*member).clone())
            .with_assignment((*member).clone().into_bytes())
    });
    SyncGroupRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(shares.collect())
}

#[tokio::test]
async fn two_members_get_their_shares_and_commit() {
    let door = Door::open().await;
    let (mut one, mut two) = (door.client().await, door.client().await);
    one.create("t", 1).await;
    let named = one.call(joining(StrBytes::new()), 9).await;
    assert_eq!(named.error_code, ResponseError::MemberIdRequired.code());
    let alone = one.call(joining(named.member_id), 9).await;
    assert_eq!((alone.error_code, alone.generation_id), (0, 1));
    // The second one waits until the first one has heard of it.
    two.send(&joining(StrBytes::new()), 3).await;
    let first = loop {
        let heartbeat = HeartbeatRequest::default()
            .with_group_id(StrBytes::from_static_str("g").into())
            .with_generation_id(1)
            .with_member_id(alone.member_id.clone());
        if one.call(heartbeat, 4).await.error_code == ResponseError::RebalanceInProgress.code() {
            break one.call(joining(alone.member_id.clone()), 9).await;
        }
    };
    let second = two.receive::<JoinGroupRequest>(3).await;
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    two.send(&syncing(&second, &[]), 5).await;
    let share = one.call(syncing(&first, &[&first.member_id, &second.member_id]), 5).await;
    assert_eq!(share.assignment, first.member_id.clone().into_bytes());
    let share = two.receive::<SyncGroupRequest>(5).await;
    assert_eq!(share.assignment, second.member_id.clone().into_bytes());

    let commit = |generation: i32| {
        let partition = offset_commit_request::OffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(42)
            .with_committed_metadata(Some(StrBytes::from_static_str("note")));
        let topic = offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        OffsetCommitRequest::default()
            .with_group_id(StrBytes::from_static_str("g").into())
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(second.member_id.clone())
            .with_topics(vec![topic])
    };
    let stale = two.call(commit(1), 8).await;
    assert_eq!(stale.topics[0].partitions[0].error_code, ResponseError::IllegalGeneration.code());
    assert_eq!(two.call(commit(2), 8).await.topics[0].partitions[0].error_code, 0);
    for version in 1..=9 {
        let mut request = OffsetFetchRequest::default();
        if version < 8 {
            let topic = offset_fetch_request::OffsetFetchRequestTopic::default()
                .with_name(name("t"))
                .with_partition_indexes(vec![0]);
            request.group_id = StrBytes::from_static_str("g").into();
            request.topics = Some(vec![topic]);
            let found = one.call(request, version).await.topics[0].partitions[0].clone();
            assert_eq!((found.committed_offset, found.metadata.as_deref()), (42, Some("note")));
        } else {
            let group = offset_fetch_request::OffsetFetchRequestGroup::default()
                .with_group_id(StrBytes::from_static_str("g").into())
                .with_topics(None);
            request.groups = vec![group];
            let found = one.call(request, version).await.groups[0].topics[0].partitions[0].clone();
            assert_eq!((found.committed_offset, found.metadata.as_deref()), (42, Some("note")));
        }
    }
}

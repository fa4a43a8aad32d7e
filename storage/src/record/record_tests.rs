//! Round trips, damage and limits of record batches.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::control::{self, Marker};
use super::header::{HEADER_BYTES, NO_SEQUENCE, sequence_plus};
use super::validate::{self, BatchRules};
use super::*;
use crate::error::ErrorKind;
use crate::ids::{Offset, ProducerEpoch, ProducerId};

const RULES: BatchRules = BatchRules { bytes_max: 1 << 20, keys_required: false };

type OwnedHeaders = Vec<(Vec<u8>, Option<Vec<u8>>)>;

#[derive(Clone, PartialEq, Debug)]
struct OwnedRecord {
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
}

fn record() -> impl Strategy<Value = OwnedRecord> {
    let headers = vec((vec(any::<u8>(), 0..8), option::of(vec(any::<u8>(), 0..16))), 0..3);
    (0_i64..1 << 42, option::of(vec(any::<u8>(), 0..40)), option::of(vec(any::<u8>(), 0..300)), headers)
        .prop_map(|(timestamp_ms, key, value, headers)| OwnedRecord { timestamp_ms, key, value, headers })
}

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(Codec::ALL.to_vec())
}

fn build(codec: Codec, records: &[OwnedRecord]) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    for record in records {
        let headers: Vec<(&[u8], Option<&[u8]>)> =
            record.headers.iter().map(|(k, v)| (k.as_slice(), v.as_deref())).collect();
        builder
            .append(record.timestamp_ms, record.key.as_deref(), record.value.as_deref(), &headers)
            .unwrap();
    }
    builder.build().unwrap()
}

fn read_all(batches: Bytes, from: Offset, aborted: &[AbortedTransaction]) -> Vec<(Offset, OwnedRecord)> {
    let mut reader = RecordReader::new(batches, from, aborted);
    let mut found = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        for record in batch.records() {
            let record = record.unwrap();
            let headers = record
                .headers
                .map(|h| h.map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))))
                .collect::<Result<_, _>>()
                .unwrap();
            found.push((
                record.offset,
                OwnedRecord {
                    timestamp_ms: record.timestamp_ms,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers,
                },
            ));
        }
    }
    found
}

fn at_offset(batch: &Bytes, base: i64) -> Bytes {
    let mut header = HeaderBytes::of(batch).unwrap();
    header.set_base_offset(Offset(base));
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(&batch[HEADER_BYTES..]);
    bytes.into()
}

fn one_record(codec: Codec, value: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    builder.append(1, Some(b"key"), Some(value), &[]).unwrap();
    builder.build().unwrap()
}

proptest! {
    #[test]
    fn records_survive_a_round_trip_in_every_codec(codec in codec(), records in vec(record(), 1..40)) {
        let batch = build(codec, &records);
        let header = validate::client_batch(&batch, RULES).unwrap();
        prop_assert_eq!(header.max_timestamp, records.iter().map(|r| r.timestamp_ms).max().unwrap());
        prop_assert_eq!(header.record_count as usize, records.len());
        let read = read_all(at_offset(&batch, 1000), Offset(1000), &[]);
        let expected: Vec<_> =
            records.into_iter().enumerate().map(|(i, r)| (Offset(1000 + i as i64), r)).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300), codec in codec()) {
        let bytes = Bytes::from(bytes);
        let _ = validate::client_batch(&bytes, RULES);
        let mut reader = RecordReader::new(bytes.clone(), Offset::ZERO, &[]);
        while let Ok(Some(batch)) = reader.next_batch() {
            batch.records().for_each(|r| if let Ok(r) = r { r.headers.for_each(drop) });
        }
        let mut out = Vec::new();
        let _ = compression::decompress(codec, &bytes, 1 << 16, &mut out);
        prop_assert!(out.len() <= 1 << 16);
    }

    #[test]
    fn a_batch_with_damaged_records_never_panics_and_is_never_accepted_silently(
        codec in codec(), records in vec(record(), 1..10), at in any::<prop::sample::Index>(), flip in 1_u8..,
    ) {
        let mut bytes = build(codec, &records).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let checked = validate::client_batch(&bytes, RULES);
        // Base offset and leader epoch are the log's to set, so damage there means nothing.
        prop_assert_eq!(checked.is_ok(), at < 8 || (12..16).contains(&at));

        // The same damage under a right checksum reaches the decoders.
        if at > 21 {
            let mut header = HeaderBytes::of(&bytes).unwrap();
            header.seal(&bytes[HEADER_BYTES..]);
            bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
            let accepted = validate::client_batch(&bytes, RULES).is_ok();
            let mut reader = RecordReader::new(bytes.into(), Offset(i64::MIN), &[]);
            let mut readable = true;
            loop {
                match reader.next_batch() {
                    Ok(Some(batch)) => readable &= batch.records().all(|r| r.is_ok_and(|r| r.headers.into_iter().all(|h| h.is_ok()))),
                    Ok(None) => break,
                    Err(_) => readable = false,
                }
            }
            prop_assert!(!accepted || readable, "an accepted batch must be readable");
        }
    }
}

#[test]
fn reading_from_the_middle_of_a_batch_drops_the_records_before() {
    let records: Vec<_> = (0..5)
        .map(|i| OwnedRecord { timestamp_ms: i, key: None, value: Some(vec![i as u8]), headers: Vec::new() })
        .collect();
    let mut bytes = at_offset(&build(Codec::None, &records), 10).to_vec();
    bytes.extend_from_slice(&at_offset(&build(Codec::Zstd, &records), 15));
    let offsets: Vec<i64> =
        read_all(bytes.into(), Offset(13), &[]).into_iter().map(|(offset, _)| offset.0).collect();
    assert_eq!(offsets, [13, 14, 15, 16, 17, 18, 19]);
}

#[test]
fn a_record_is_appended_where_the_batch_stays_within_its_bound_and_its_size_told_where_not() {
    let mut builder = BatchBuilder::new(Codec::None);
    let long = vec![7; 9_000];
    let headers: [(&[u8], Option<&[u8]>); 2] = [(b"a", None), (b"name", Some(&long))];
    for (timestamp_ms, key, value, headers) in [
        (5, None, None, &headers[..0]),
        (1_700_000_000_000, Some(&b"key"[..]), Some(&long[..]), &headers[..1]),
        (-1, Some(&[][..]), Some(&long[..63]), &headers[..]),
    ] {
        let (bytes_before, count) = (builder.size_bytes(), builder.record_count());
        let mut append = |bytes_max| builder.append_within(bytes_max, timestamp_ms, key, value, headers);
        let told = append(0).unwrap().unwrap();
        assert_eq!(append(told - 1).unwrap(), Some(told));
        assert_eq!((builder.size_bytes(), builder.record_count()), (bytes_before, count));
        assert_eq!(builder.append_within(told, timestamp_ms, key, value, headers).unwrap(), None);
        assert_eq!((builder.size_bytes(), builder.record_count()), (told, count + 1));
    }
}

#[test]
fn a_reader_that_stops_inside_a_batch_goes_on_there() {
    let records: Vec<_> = (0..5)
        .map(|i| OwnedRecord { timestamp_ms: i, key: None, value: Some(vec![i as u8]), headers: Vec::new() })
        .collect();
    for codec in [Codec::None, Codec::Zstd] {
        let mut bytes = at_offset(&build(codec, &records), 10).to_vec();
        bytes.extend_from_slice(&at_offset(&build(codec, &records), 15));
        let mut reader = RecordReader::new(bytes.into(), Offset(11), &[]);
        let mut stretches = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            let mut walk = batch.records();
            let taken: Vec<i64> = walk.by_ref().take(2).map(|record| record.unwrap().offset.0).collect();
            let (place, next) = (walk.place(), Offset(taken[taken.len() - 1] + 1));
            reader.stop_at(place, next);
            assert_eq!(reader.next_offset(), next);
            stretches.push(taken);
        }
        assert_eq!(stretches, [vec![11, 12], vec![13, 14], vec![15, 16], vec![17, 18], vec![19]]);
    }
}

#[test]
fn control_batches_and_aborted_transactions_are_skipped() {
    let producer = |id, base_sequence| BatchProducer {
        id: ProducerId(id),
        epoch: ProducerEpoch(0),
        base_sequence,
        transactional: true,
    };
    let mut log = Vec::new();
    let mut append = |id: i64, value: &[u8], offset: i64| {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.set_producer(producer(id, 0));
        builder.append(0, None, Some(value), &[]).unwrap();
        log.extend_from_slice(&at_offset(&builder.build().unwrap(), offset));
    };
    append(1, b"aborted", 0);
    append(2, b"committed", 1);
    let marker = |marker, id| control::build(marker, ProducerId(id), ProducerEpoch(0), 0).unwrap();
    log.extend_from_slice(&at_offset(&marker(Marker::Abort, 1), 2));
    log.extend_from_slice(&at_offset(&marker(Marker::Commit, 2), 3));
    let mut builder = BatchBuilder::new(Codec::None);
    builder.set_producer(producer(1, 1));
    builder.append(0, None, Some(b"later, committed"), &[]).unwrap();
    log.extend_from_slice(&at_offset(&builder.build().unwrap(), 4));

    let aborted = [AbortedTransaction { producer_id: ProducerId(1), first_offset: Offset(0) }];
    let values: Vec<_> = read_all(log.into(), Offset(0), &aborted)
        .into_iter()
        .map(|(offset, r)| (offset.0, r.value.unwrap()))
        .collect();
    assert_eq!(values, [(1, b"committed".to_vec()), (4, b"later, committed".to_vec())]);
}

#[test]
fn a_compression_bomb_is_refused_on_append_and_on_reading() {
    let zeros = vec![0_u8; compression::DECOMPRESSED_BYTES_MAX + 1];
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let batch = one_record(codec, &zeros);
        assert!(batch.len() < 1 << 20, "{} made {} bytes", codec.name(), batch.len());
        assert_eq!(validate::client_batch(&batch, RULES).unwrap_err().kind(), ErrorKind::TooLarge);
        let mut reader = RecordReader::new(batch, Offset::ZERO, &[]);
        assert_eq!(reader.next_batch().map(|_| ()).unwrap_err().kind(), ErrorKind::TooLarge);
    }
    let mut raw_claim = Vec::new();
    raw_claim.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    let mut out = Vec::new();
    let error = compression::decompress(Codec::Snappy, &raw_claim, 1 << 20, &mut out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CorruptBatch);
}

#[test]
fn a_raw_snappy_block_is_read_too() {
    let plain = b"one raw block, as some clients send it".repeat(10);
    let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    let mut out = Vec::new();
    compression::decompress(Codec::Snappy, &raw, 1 << 20, &mut out).unwrap();
    assert_eq!(out, plain);
}

#[test]
fn what_a_client_may_not_send_is_refused_with_its_kind() {
    let kind = |batch: &[u8], rules| validate::client_batch(batch, rules).unwrap_err().kind();
    let good = one_record(Codec::None, b"value");
    assert_eq!(kind(&good, BatchRules { bytes_max: 70, ..RULES }), ErrorKind::TooLarge);
    assert_eq!(kind(&good[..good.len() - 1], RULES), ErrorKind::CorruptBatch);
    assert_eq!(kind(&[good.clone(), good.clone()].concat(), RULES), ErrorKind::CorruptBatch, "two batches");

    let marker = control::build(Marker::Commit, ProducerId(1), ProducerEpoch(0), 0).unwrap();
    assert_eq!(kind(&marker, RULES), ErrorKind::Invalid);

    let with_producer = |id: ProducerId, base_sequence| {
        let mut header = HeaderBytes::of(&good).unwrap();
        header.set_producer(id, ProducerEpoch(0), base_sequence, good.len() - HEADER_BYTES);
        [header.as_bytes().as_slice(), &good[HEADER_BYTES..]].concat()
    };
    assert!(validate::client_batch(&with_producer(ProducerId(7), 0), RULES).is_ok());
    assert_eq!(kind(&with_producer(ProducerId(7), NO_SEQUENCE), RULES), ErrorKind::Invalid);
    assert_eq!(kind(&with_producer(ProducerId::ENGINE_FIRST, 0), RULES), ErrorKind::Invalid);

    let mut builder = BatchBuilder::new(Codec::Lz4);
    builder.append(0, None, Some(b"no key"), &[]).unwrap();
    let keyless = builder.build().unwrap();
    assert_eq!(kind(&keyless, BatchRules { keys_required: true, ..RULES }), ErrorKind::Invalid);
}

#[test]
fn a_header_that_lies_about_its_max_timestamp_is_told() {
    let good = one_record(Codec::None, b"value");
    let mut header = HeaderBytes::of(&good).unwrap();
    header.set_max_timestamp(1 << 50, good.len() - HEADER_BYTES);
    let lying = [header.as_bytes().as_slice(), &good[HEADER_BYTES..]].concat();
    assert_eq!(validate::client_batch(&lying, RULES).unwrap().max_timestamp, 1);
}

#[test]
fn a_record_over_the_edge_of_a_decoders_buffer_is_checked_like_any_other() {
    let value = vec![7_u8; 40 << 10];
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec);
        for index in 0..5 {
            let headers: [(&[u8], Option<&[u8]>); 2] = [(b"h", Some(&value[..100])), (b"h", None)];
            builder.append(index, Some(&value[..3]), Some(&value[..30 << 10]), &headers).unwrap();
        }
        let batch = builder.build().unwrap();
        assert!(validate::client_batch(&batch, RULES).is_ok(), "{}", codec.name());
    }
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(sequence_plus(i32::MAX - 1, 1), i32::MAX);
    assert_eq!(sequence_plus(i32::MAX, 1), 0);
    assert_eq!(sequence_plus(i32::MAX, 5), 4);
}

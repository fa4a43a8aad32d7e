//! Speed of the record formats on the records that the throughput goal is stated for: JSON objects of
//! about 240 bytes with 7 fields. One thread; prints the best of several passes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tidemill_engine::formats::{Decoder, EncodedPayloads, Format, RecordPart, RowSelection};

/// Records decoded or encoded together. A batch is short enough to run without being interrupted on a
/// busy machine, as the best time of each batch counts.
const BATCH_RECORDS: usize = 4_096;

/// Distinct batches, so that branch predictors cannot learn the values by heart.
const BATCHES: usize = 32;

/// How long each measurement repeats its passes.
const MEASURE_FOR: Duration = Duration::from_secs(2);

fn main() {
    let schema = schema();
    let batches: Vec<Vec<Vec<u8>>> = (0..BATCHES).map(|batch| records(batch * BATCH_RECORDS)).collect();
    let bytes: usize = batches.iter().flatten().map(Vec::len).sum();
    let records = BATCHES * BATCH_RECORDS;
    println!("{records} records of {} bytes on average, {BATCH_RECORDS} a batch", bytes / records);

    for (name, format, payloads) in
        [("JSON", Format::Json, batches.clone()), ("DELIMITED", delimited_format(), lines(&schema, &batches))]
    {
        let payload_bytes: usize = payloads.iter().flatten().map(Vec::len).sum();
        for projection in [vec![], vec![1, 4], vec![0, 1, 3, 4], (0..7).collect::<Vec<usize>>()] {
            let mut decoder = decoder_of(format, &schema, &projection);
            let label = format!("{name} decode {} of 7 columns", projection.len());
            measure(&label, payload_bytes, |batch| {
                assert_eq!(decode(decoder.as_mut(), &payloads[batch]).0, BATCH_RECORDS);
            });
        }
        for projection in [vec![0, 1, 4], (0..7).collect::<Vec<usize>>()] {
            let columns: Vec<Vec<ArrayRef>> = batches
                .iter()
                .map(|batch| decode(decoder_of(Format::Json, &schema, &projection).as_mut(), batch).1)
                .collect();
            let projected: SchemaRef = Arc::new(schema.project(&projection).expect("columns exist"));
            let wrapping =
                format.wrapping(projection.len(), RecordPart::Value, None).expect("wrapping is left open");
            let mut encoder = format.encoder(&projected, wrapping).expect("types are supported");
            let mut out = EncodedPayloads::new();
            let mut encode = |batch: usize| {
                out.clear();
                encoder
                    .encode(&columns[batch], RowSelection::Range(0..BATCH_RECORDS), &mut out)
                    .expect("columns fit");
                out.bytes_len()
            };
            let encoded_bytes = (0..BATCHES).map(&mut encode).sum();
            let label = format!("{name} encode {} columns", projection.len());
            measure(&label, encoded_bytes, |batch| assert!(encode(batch) > 0));
        }
    }
}

fn schema() -> SchemaRef {
    let columns = [
        ("EVENT_TIME", DataType::Int64),
        ("USER_ID", DataType::Utf8),
        ("PAGE", DataType::Utf8),
        ("REGION", DataType::Utf8),
        ("AMOUNT", DataType::Float64),
        ("QUANTITY", DataType::Int32),
        ("USER_AGENT", DataType::Utf8),
    ];
    Arc::new(Schema::new(columns.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()))
}

fn records(first: usize) -> Vec<Vec<u8>> {
    const REGIONS: [&str; 5] = ["eu-central-1", "eu-west-3", "us-east-1", "ap-south-1", "sa-east-1"];
    (first..first + BATCH_RECORDS)
        .map(|index| {
            // A multiplicative hash scatters the values without a generator to carry along.
            let noise = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            format!(
                "{{\"event_time\":{},\"user_id\":\"user-{:05}\",\"page\":\"/shop/category/{}/item/{}\",\
                 \"region\":\"{}\",\"amount\":{}.{:02},\"quantity\":{},\
                 \"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 AppleWebKit/{}.36 Firefox/{}.0\"}}",
                1_700_000_000_000 + index as u64 * 7,
                noise >> 50,
                (noise >> 40) % 97,
                (noise >> 20) % 100_000,
                REGIONS[(noise >> 33) as usize % REGIONS.len()],
                (noise >> 45) % 2_000,
                (noise >> 13) % 100,
                (noise >> 7) % 50,
                500 + (noise >> 11) % 100,
                90 + (noise >> 17) % 40,
            )
            .into_bytes()
        })
        .collect()
}

fn delimited_format() -> Format {
    Format::Delimited { delimiter: tidemill_engine::formats::Delimiter::COMMA }
}

fn lines(schema: &SchemaRef, batches: &[Vec<Vec<u8>>]) -> Vec<Vec<Vec<u8>>> {
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let format = delimited_format();
    let wrapping = format.wrapping(all.len(), RecordPart::Value, None).expect("wrapping is left open");
    let mut encoder = format.encoder(schema, wrapping).expect("types are supported");
    batches
        .iter()
        .map(|batch| {
            let columns = decode(decoder_of(Format::Json, schema, &all).as_mut(), batch).1;
            let mut out = EncodedPayloads::new();
            encoder.encode(&columns, RowSelection::Range(0..batch.len()), &mut out).expect("columns fit");
            out.iter().map(|line| line.unwrap_or_default().to_vec()).collect()
        })
        .collect()
}

fn decoder_of(format: Format, schema: &SchemaRef, projection: &[usize]) -> Box<dyn Decoder> {
    let wrapping =
        format.wrapping(schema.fields().len(), RecordPart::Value, None).expect("wrapping is left open");
    format.decoder(schema, projection, wrapping).expect("types are supported")
}

fn decode(decoder: &mut dyn Decoder, batch: &[Vec<u8>]) -> (usize, Vec<ArrayRef>) {
    let payloads: Vec<Option<&[u8]>> = batch.iter().map(|payload| Some(payload.as_slice())).collect();
    let mut rejections = Vec::new();
    let decoded = decoder.decode(&payloads, &mut rejections).expect("batches are small");
    assert!(rejections.is_empty(), "{rejections:?}");
    (decoded.rows, decoded.columns)
}

/// Runs all batches again and again; the best time of each counts.
fn measure(label: &str, bytes: usize, mut run: impl FnMut(usize)) {
    (0..BATCHES).for_each(&mut run);
    let started = Instant::now();
    let mut best = [Duration::MAX; BATCHES];
    while started.elapsed() < MEASURE_FOR {
        for (batch, best) in best.iter_mut().enumerate() {
            let start = Instant::now();
            run(batch);
            *best = start.elapsed().min(*best);
        }
    }
    let seconds = best.iter().sum::<Duration>().as_secs_f64();
    let records = (BATCHES * BATCH_RECORDS) as f64;
    println!(
        "{label:<34} {:>7.2} M records/s {:>7.0} MB/s {:>6.0} ns/record",
        records / seconds / 1e6,
        bytes as f64 / seconds / 1e6,
        seconds * 1e9 / records,
    );
}

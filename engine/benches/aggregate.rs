//! How many rows a second an aggregation takes, on one core.
//!
//! `cargo bench -p tidemill-engine --bench aggregate` prints a line for each case: COUNT and SUM by
//! a key of 10,000 values in 1-minute tumbling windows is the one the product is measured by; the
//! others show what windows, sessions, wide keys, collections and single updates cost.
//!
//! A batch has 16,384 rows and is one second of event time; every 16 batches a round ends, every 64 a
//! commit goes to an in-memory store.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tidemill_engine::batch::ChangeBatch;
use tidemill_engine::operators::aggregate::{AggregatePolicy, AggregateSpec, CallSpec, build};
use tidemill_engine::operators::{Context, Input, Ledger};
use tidemill_engine::state::StateRoom;
use tidemill_sql::lookup::{AggregateFunction, SourceKind, WindowKind, WindowSpec};
use tidemill_sql::plan::Emit;
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::state::{Durability, StateStore, WriteBatch};

const BATCH_ROWS: usize = 16_384;
const BATCHES: usize = 512;
const BATCHES_A_ROUND: usize = 16;
const BATCHES_A_COMMIT: usize = 64;
const KEYS: u64 = 10_000;

struct Case {
    name: &'static str,
    key: DataType,
    window: Option<WindowKind>,
    calls: &'static [&'static str],
    every_update: bool,
    batches: usize,
}

fn main() {
    let minute = WindowKind::Tumbling { size_ms: 60_000 };
    let hops = WindowKind::Hopping { size_ms: 60_000, advance_ms: 15_000 };
    let case =
        |name, key, window, calls| Case { name, key, window, calls, every_update: false, batches: BATCHES };
    let cases = [
        case("COUNT, SUM by STRING in 1-minute windows", DataType::Utf8, Some(minute), &["COUNT", "SUM"][..]),
        case("COUNT, SUM by BIGINT in 1-minute windows", DataType::Int64, Some(minute), &["COUNT", "SUM"]),
        case("COUNT, SUM by STRING without windows", DataType::Utf8, None, &["COUNT", "SUM"]),
        case("COUNT, SUM by STRING, hopping by a quarter", DataType::Utf8, Some(hops), &["COUNT", "SUM"]),
        case(
            "COUNT, SUM by STRING in sessions",
            DataType::Utf8,
            Some(WindowKind::Session { gap_ms: 30_000 }),
            &["COUNT", "SUM"],
        ),
        case(
            "AVG, MIN, MAX, LATEST_BY_OFFSET by STRING",
            DataType::Utf8,
            Some(minute),
            &["AVG", "MIN", "MAX", "LATEST_BY_OFFSET"],
        ),
        case("COUNT_DISTINCT by STRING", DataType::Utf8, Some(minute), &["COUNT_DISTINCT"]),
        Case {
            name: "COUNT, SUM by STRING, every update",
            key: DataType::Utf8,
            window: Some(minute),
            calls: &["COUNT", "SUM"],
            every_update: true,
            batches: BATCHES / 4,
        },
    ];
    for case in &cases {
        run(case);
    }
}

fn run(case: &Case) {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("K", case.key.clone(), true),
        Field::new("V", DataType::Int64, true),
    ]));
    let spec = spec(case, &schema);
    let room = StateRoom { prefix: bytes::Bytes::from_static(b"bench"), fresh: true };
    let mut operator = build(&spec, room).expect("a legal specification");
    let store: Arc<dyn StateStore> = Arc::new(MemoryStateStore::new());
    let batches: Vec<ChangeBatch> =
        (0..case.batches).map(|number| batch(case, &schema, number as u64)).collect();
    let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
    let mut context = Context {
        store: &store,
        every_update: case.every_update,
        ledger: &mut ledger,
        reports: &mut reports,
    };
    let (mut out, mut results) = (Vec::new(), 0);
    let started = Instant::now();
    for (number, batch) in batches.into_iter().enumerate() {
        operator.process(Input::Left, batch, &mut context, &mut out).expect("takes rows");
        if (number + 1) % BATCHES_A_ROUND == 0 {
            operator.flush(&mut context, &mut out).expect("flushes");
            results += out.drain(..).map(|batch| batch.rows()).sum::<usize>();
        }
        if (number + 1) % BATCHES_A_COMMIT == 0 {
            let mut changes = WriteBatch::default();
            operator.commit(&mut changes).expect("commits");
            store.write(&changes, Durability::Buffered).expect("memory takes writes");
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let rows = (case.batches * BATCH_ROWS) as f64;
    println!(
        "{:46} {:6.2} M rows/s, {:5.1} ns a row, {results} results, {:.1} MiB",
        case.name,
        rows / seconds / 1e6,
        seconds / rows * 1e9,
        operator.memory_bytes() as f64 / (1 << 20) as f64,
    );
}

fn spec(case: &Case, schema: &SchemaRef) -> AggregateSpec {
    let calls = case.calls.iter().map(|name| {
        let arguments: Vec<usize> = if *name == "COUNT" { Vec::new() } else { vec![1] };
        let types: Vec<DataType> = arguments.iter().map(|_| DataType::Int64).collect();
        let constants = vec![None; arguments.len()];
        let function = tidemill_engine::aggregates::lookup(name).expect("a function");
        let return_type = function.return_type(&types, &constants).expect("a legal call");
        CallSpec {
            function: (*name).to_owned(),
            arguments,
            constants,
            name: (*name).to_owned(),
            return_type,
            entries_max: None,
        }
    });
    AggregateSpec {
        input: schema.clone(),
        groups: vec![schema.field(0).clone()],
        calls: calls.collect(),
        window: case.window.map(|kind| WindowSpec { kind, grace_ms: 60_000, retention_ms: None }),
        input_kind: SourceKind::Stream,
        emit: Emit::Changes,
        policy: AggregatePolicy::default(),
        with_before: false,
    }
}

fn batch(case: &Case, schema: &SchemaRef, number: u64) -> ChangeBatch {
    let rows = BATCH_ROWS as u64;
    // A multiplicative generator: the same rows in every run, in no order the operator could use.
    let random = |row: u64| (number * rows + row).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let keys: ArrayRef = match case.key {
        DataType::Int64 => {
            Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (random(row) % KEYS) as i64)))
        }
        _ => Arc::new(StringArray::from_iter_values(
            (0..rows).map(|row| format!("user-{}", random(row) % KEYS)),
        )),
    };
    let values: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (random(row) % 1000) as i64)));
    // One batch is a second of input.
    let times: Vec<i64> = (0..rows).map(|row| (number * 1000 + row * 1000 / rows) as i64).collect();
    let columns = RecordBatch::try_new(schema.clone(), vec![keys, values]).expect("columns of the schema");
    ChangeBatch::inserts(columns, times.into())
}

//! The examples that DESCRIBE FUNCTION shows: calls give what they say, statements can be run.

use super::{Description, declaration::Category, descriptions, sql_harness};
use crate::aggregates;
use crate::session::Dialect;
use crate::session_harness::{engine, run, session};

/// Whether an example is a statement; others are a call and what it gives.
fn is_statement(example: &str) -> bool {
    example.starts_with("SELECT ")
}

fn examples() -> Vec<(Description, &'static str)> {
    let all = descriptions().flat_map(|function| {
        assert!(!function.examples.is_empty(), "{} has no example", function.name);
        let examples = function.examples;
        examples.iter().map(move |example| (function.clone(), *example))
    });
    all.collect()
}

#[test]
fn every_call_gives_what_its_example_says() {
    for (function, example) in examples() {
        if is_statement(example) {
            continue;
        }
        assert!(example.contains(&function.name), "{} is not in {example}", function.name);
        let (call, value) = example.rsplit_once(" = ").expect("a call = its value");
        let (_, found, failures) = sql_harness::evaluate(call);
        let told = if function.category == Category::Table.as_str() {
            let rows = value.strip_prefix("rows ").expect("the rows that a table function gives");
            Some(format!("[{rows}]"))
        } else {
            sql_harness::evaluate(value).1
        };
        assert_eq!(found, told, "{example} {failures:?}");
    }
}

#[tokio::test]
async fn every_statement_of_an_example_can_be_run() {
    const SOURCES: [&str; 6] = [
        "orders (id INT KEY, shop STRING, city STRING, product STRING, items ARRAY<STRING>, basket STRING, \
         price DOUBLE, quantity INT, prices ARRAY<DOUBLE>)",
        "payments (order_id INT KEY, account STRING, amount DOUBLE, currency STRING)",
        "readings (sensor STRING KEY, city STRING, temperature DOUBLE)",
        "events (device STRING KEY, status STRING)",
        "views (visitor STRING KEY, page STRING, country STRING)",
        "songs (title STRING KEY, genre STRING, plays BIGINT)",
    ];
    let mut session = session(&engine(), Dialect::Ksql);
    for source in SOURCES {
        let name = source.split_once(' ').map(|(name, _)| name).expect("a name");
        let create = format!(
            "CREATE STREAM {source} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"
        );
        run(&mut session, &create, &[]).await.expect("a source");
    }
    let of_aggregates = aggregates::all().iter().map(|function| (function.name.to_owned(), function.example));
    let of_others = examples().into_iter().map(|(function, example)| (function.name, example));
    let statements = of_aggregates.chain(of_others).filter(|(_, example)| is_statement(example));
    for (number, (function, example)) in statements.enumerate() {
        assert!(example.contains(&format!("{function}(")), "{example}");
        let kind = if example.contains("GROUP BY") { "TABLE" } else { "STREAM" };
        let created = run(&mut session, &format!("CREATE {kind} e{number} AS {example};"), &[]).await;
        assert!(created.is_ok(), "{example}: {created:?}");
    }
}

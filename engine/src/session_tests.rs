//! Statements as sessions of each dialect send them, on an engine in memory.

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::{Dialect, Session};
use crate::catalog::record::QueryRecord;
use crate::engine::{Engine, EngineOptions};
use crate::error::ErrorKind;
use crate::physical::Recipients;
use crate::response::Response;
use crate::session_harness::{engine, run, session};

/// A session of a Postgres client with a stream and some of its records.
async fn with_orders() -> Session {
    let mut session = session(&engine(), Dialect::Postgres);
    for statement in [
        "CREATE STREAM orders (id INT KEY, customer STRING, amount DOUBLE, address STRUCT<city STRING>)
         WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 2)",
        "INSERT INTO orders VALUES (1, 'ann', 10, STRUCT(city := 'Ulm')), (2, 'bob', 20, STRUCT(city := 'Bonn'))",
    ] {
        run(&mut session, statement, &[]).await.expect("a statement of the setup");
    }
    session
}

/// An engine with so much memory, with a table that is only declared over its topic.
async fn with_declared_table(memory_bytes: u64) -> Session {
    let options = EngineOptions { workers: 2, memory_bytes, ..EngineOptions::default() };
    let mut session = session(&Engine::open(options).expect("an engine"), Dialect::Postgres);
    let create = "CREATE TABLE users (id INT PRIMARY KEY, name STRING, city STRING)
                  WITH (KAFKA_TOPIC = 'users', VALUE_FORMAT = 'JSON', PARTITIONS = 3)";
    run(&mut session, create, &[]).await.expect("is created");
    session
}

#[tokio::test]
async fn parameters_of_an_insert_have_their_columns_types() {
    let mut session = with_orders().await;
    let text = "INSERT INTO orders (amount, id) VALUES ($1, $2)";
    let prepared = session.prepare(text, &[]).await.expect("can be prepared");
    assert_eq!(prepared.parameters, [Some(DataType::Float64), Some(DataType::Int32)]);
    run(&mut session, text, &[ScalarValue::Float64(Some(5.5)), ScalarValue::Int32(Some(3))])
        .await
        .expect("is inserted");
    let rows = run(&mut session, "SELECT amount FROM orders WHERE id = 3", &[]).await.expect("rows");
    assert_eq!(rows, ["5.5"]);
}

#[tokio::test]
async fn a_push_query_is_prepared_before_its_parameters_have_values() {
    let mut session = with_orders().await;
    let text = "SELECT customer, $3 AS mark FROM orders o \
                WHERE o.id = $1 AND amount > $2 AND address->city LIKE $4 EMIT CHANGES LIMIT 1";
    let prepared = session.prepare(text, &[None, Some(DataType::Int64)]).await.expect("can be prepared");
    let text_type = Some(DataType::Utf8);
    assert_eq!(prepared.parameters, [Some(DataType::Int32), Some(DataType::Int64), None, text_type]);
    let columns = prepared.columns.expect("a query has columns");
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["customer", "mark"]);
    session.set("auto.offset.reset", "earliest").expect("a setting");
    let values = [
        ScalarValue::Int32(Some(2)),
        ScalarValue::Int64(Some(15)),
        ScalarValue::from("x"),
        ScalarValue::from("B%"),
    ];
    assert_eq!(run(&mut session, text, &values).await.expect("rows"), ["bob|x"]);
}

#[tokio::test]
async fn a_stored_query_holds_the_values_of_its_parameters() {
    let mut session = with_orders().await;
    let text = "CREATE STREAM large AS SELECT id, amount FROM orders WHERE amount > $1 EMIT CHANGES";
    let prepared = session.prepare(text, &[]).await.expect("can be prepared");
    assert_eq!(prepared.parameters, [Some(DataType::Float64)]);
    run(&mut session, text, &[ScalarValue::Float64(Some(15.0))]).await.expect("is created");
    let catalog = session.engine().catalog().state();
    let stored: Vec<&str> = catalog.queries.values().map(|query| query.statement.as_str()).collect();
    assert_eq!(stored.len(), 1);
    assert!(!stored[0].contains('$'), "{}", stored[0]);
    let plan = crate::queries::plan_record(
        catalog.queries.values().next().expect("a query"),
        &catalog,
        session.engine().queries().environment(),
    );
    plan.expect("what is stored can be planned again");
}

#[tokio::test]
async fn a_quoted_lower_case_name_means_the_stored_one_in_every_statement() {
    let mut session = with_orders().await;
    for statement in [
        "INSERT INTO \"orders\" (\"id\", \"customer\", \"rowtime\") VALUES (3, 'cem', 17)",
        "CREATE STREAM copy AS SELECT id, customer, amount, address FROM \"orders\" EMIT CHANGES",
        "INSERT INTO \"copy\" SELECT * FROM \"orders\"",
        "DESCRIBE \"copy\"",
    ] {
        run(&mut session, statement, &[]).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    run(&mut session, "TERMINATE ALL", &[]).await.expect("nothing reads the stream any more");
    run(&mut session, "DROP STREAM IF EXISTS \"copy\"", &[]).await.expect("is dropped");
    let error = run(&mut session, "DESCRIBE copy", &[]).await.expect_err("is gone");
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn no_name_is_given_that_is_shown_like_another() {
    let mut session = with_orders().await;
    let text = "CREATE STREAM \"orders\" (id INT KEY) WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON')";
    let error = run(&mut session, text, &[]).await.expect_err("cannot be told from ORDERS");
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn a_statement_about_the_server_that_is_too_complex_is_refused() {
    let mut session = with_orders().await;
    let text = format!("SELECT version(){}", ", 1".to_owned() + &" + 1".repeat(10_000));
    let error = run(&mut session, &text, &[]).await.expect_err("is too complex");
    assert_eq!(error.kind, ErrorKind::TooComplex);
    let error = session.prepare(&text, &[]).await.expect_err("is too complex");
    assert_eq!(error.kind, ErrorKind::TooComplex);
}

#[tokio::test]
async fn a_declared_table_is_the_latest_row_of_each_key() {
    let mut session = with_declared_table(1 << 30).await;
    for round in 0..3 {
        let rows: Vec<String> = (0..500).map(|id| format!("({id}, 'n{round}', 'c')")).collect();
        let text = format!("INSERT INTO users VALUES {}", rows.join(", "));
        run(&mut session, &text, &[]).await.expect("is inserted");
    }
    let all = "SELECT count(*), count(DISTINCT id), min(name) FROM users";
    assert_eq!(run(&mut session, all, &[]).await.expect("rows"), ["500|500|n2"]);
    let one = "SELECT name FROM users WHERE id = 77 LIMIT 1";
    assert_eq!(run(&mut session, one, &[]).await.expect("rows"), ["n2"]);
}

#[tokio::test]
async fn a_declared_table_that_does_not_fit_into_memory_is_refused() {
    let mut session = with_declared_table(1 << 18).await;
    let rows: Vec<String> = (0..1_000).map(|id| format!("({id}, 'n', 'c')")).collect();
    let text = format!("INSERT INTO users VALUES {}", rows.join(", "));
    run(&mut session, &text, &[]).await.expect("is inserted");
    let error = run(&mut session, "SELECT count(*) FROM users", &[]).await.expect_err("is too large");
    assert_eq!(error.kind, ErrorKind::LimitExceeded, "{error}");
    assert!(error.message.contains("'USERS'"), "{error}");
}

#[tokio::test]
async fn a_query_is_explained_whatever_stands_before_it() {
    let mut session = with_orders().await;
    for text in [
        "EXPLAIN SELECT id FROM orders",
        "-- how?\nEXPLAIN /* really */ SELECT id FROM orders",
        "EXPLAIN ANALYZE SELECT id FROM orders",
        "EXPLAIN (FORMAT TEXT) SELECT id FROM orders",
        "EXPLAIN SELECT count(*) FROM orders ORDER BY 1",
    ] {
        let plan = run(&mut session, text, &[]).await.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(
            plan.iter().any(|line| line.contains("Read stream ORDERS: full scan of topic 'orders'")),
            "{text}: {plan:?}"
        );
    }
    let error = run(&mut session, "EXPLAIN\n SELECT idd FROM orders", &[]).await.expect_err("is wrong");
    let place = error.position.expect("a place");
    assert_eq!((place.line, place.column), (2, 9));
}

#[tokio::test]
async fn a_comment_before_a_query_does_not_move_its_errors() {
    let mut session = with_orders().await;
    for text in ["-- é\n  SELECT idd FROM orders", "-- é\n  SELECT idd FROM orders ORDER BY 1"] {
        let error = run(&mut session, text, &[]).await.expect_err("is wrong");
        let place = error.position.expect("a place");
        assert_eq!((place.line, place.column, place.offset), (2, 10, 15), "{text}");
    }
}

#[tokio::test]
async fn a_session_of_ksqldbs_dialect_reads_names_as_they_are_stored() {
    let postgres = with_orders().await;
    let mut session = session(postgres.engine(), Dialect::Ksql);
    for text in [
        "SELECT customer FROM orders WHERE id = 2",
        "SELECT O.CUSTOMER FROM ORDERS o WHERE `ID` = 2",
        "WITH c AS (SELECT * FROM orders) SELECT customer AS who FROM c WHERE id = 2 ORDER BY who",
    ] {
        let rows = run(&mut session, text, &[]).await.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(rows, ["bob"], "{text}");
    }
    let columns =
        session.prepare("SELECT id AS n, customer FROM orders", &[]).await.expect("is prepared").columns;
    let names: Vec<String> =
        columns.expect("columns").fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["N", "CUSTOMER"]);
    let error = run(&mut session, "SELECT `customer` FROM orders", &[]).await.expect_err("is no name");
    assert_eq!(error.kind, ErrorKind::UnknownColumn);
}

#[tokio::test]
async fn structs_and_maps_are_made_in_a_query_over_what_is_there_now() {
    let mut session = with_orders().await;
    let text = "SELECT STRUCT(name := customer, twice := amount * 2), MAP('a' := id, 'b' := 7)['a'] \
                FROM orders WHERE id = 2";
    assert_eq!(run(&mut session, text, &[]).await.expect("rows"), ["{NAME: bob, TWICE: 40.0}|2"]);
    let error = run(&mut session, "SELECT id, STRUCT(a := 1, A := 2) FROM orders", &[])
        .await
        .expect_err("two fields of one name");
    assert_eq!(error.position.map(|place| place.column), Some(12));
}

#[tokio::test]
async fn what_a_session_tells_of_itself_stands_beside_columns() {
    let mut session = with_orders().await;
    let text = "SELECT current_user, current_schema(), count(*), now() IS NULL FROM orders";
    assert_eq!(run(&mut session, text, &[]).await.expect("rows"), ["ada|public|2|false"]);
}

#[tokio::test]
async fn a_setting_that_nothing_reads_is_taken_with_a_word_and_one_that_nobody_knows_is_refused() {
    let mut session = with_orders().await;
    let response =
        session.execute("SET 'ksql.streams.num.stream.threads' = '4'", &[]).await.expect("is taken");
    let Response::Done { message: Some(message), .. } = response else { panic!("{response:?}") };
    assert!(message.contains("no effect"), "{message}");
    run(&mut session, "SET my_app.user_id = '7'", &[]).await.expect("is the client's own");
    let shown = run(&mut session, "SELECT current_setting('my_app.user_id')", &[]).await.expect("a value");
    assert_eq!(shown, ["7"]);
    for statement in ["SET statement_timeuot = 1", "RESET statement_timeuot", "SHOW statement_timeuot"] {
        let error = run(&mut session, statement, &[]).await.expect_err(statement);
        assert_eq!(error.kind, ErrorKind::UnknownSetting, "{statement}");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'statement_timeout'?"), "{statement}");
    }
}

#[tokio::test]
async fn a_text_that_a_time_is_compared_with_is_read_as_a_time() {
    let mut session = with_orders().await;
    let insert = "INSERT INTO orders (id, ROWTIME) VALUES (7, 0), (8, 1000), (9, 86400000)";
    run(&mut session, insert, &[]).await.expect("is inserted");
    for (condition, ids) in [
        ("ROWTIME = '1970-01-01T00:00:01'", "8"),
        ("ROWTIME < '1970-01-01T00:00:01'", "7"),
        ("o.rowtime <= '1970-01-01T00:00:01Z'", "7,8"),
        ("'1970-01-02' >= ROWTIME", "7,8,9"),
        ("ROWTIME + 1000 > '1970-01-01T00:00:01' AND ROWTIME < '1971'", "8,9"),
        ("ROWTIME BETWEEN '1970-01-01T00:00:01' AND '1970-01-02'", "8,9"),
        ("ROWTIME NOT IN ('1970-01-01', '1970-01-02') AND ROWTIME < '1971'", "8"),
        ("EXISTS (SELECT 1 FROM orders i WHERE i.id = o.id AND o.ROWTIME = '1970-01-02')", "9"),
    ] {
        let text = format!("SELECT id FROM orders o WHERE {condition} ORDER BY id");
        let rows = run(&mut session, &text, &[]).await.unwrap_or_else(|error| panic!("{condition}: {error}"));
        assert_eq!(rows.join(","), ids, "{condition}");
    }
    let text = "SELECT count(*) FROM orders WHERE ROWTIME <= $1";
    let rows = run(&mut session, text, &[ScalarValue::from("1970-01-02")]).await.expect("rows");
    assert_eq!(rows, ["3"]);
    // A column of its own that is called so stays a text.
    let text = "SELECT count(*) FROM (SELECT 'x' AS rowtime FROM orders) t WHERE rowtime = 'x'";
    assert_eq!(run(&mut session, text, &[]).await.expect("rows"), ["5"]);
    let error =
        run(&mut session, "SELECT id FROM orders WHERE ROWTIME > 'soon'", &[]).await.expect_err("no time");
    assert_eq!((error.kind, error.position.map(|place| place.offset)), (ErrorKind::InvalidText, Some(39)));
}

#[tokio::test]
async fn a_cast_to_numeric_needs_no_precision_but_in_a_continuous_query() {
    let mut session = with_orders().await;
    let text = "SELECT amount::numeric, CAST('1.5' AS DECIMAL) + id FROM orders WHERE id = 1";
    assert_eq!(run(&mut session, text, &[]).await.expect("rows"), ["10.0000000000|2.5000000000"]);
    let text = "CREATE STREAM exact AS SELECT id, CAST(amount AS DECIMAL) AS amount FROM orders EMIT CHANGES";
    let error = run(&mut session, text, &[]).await.expect_err("has no precision");
    assert_eq!(error.kind, ErrorKind::Type);
    assert_eq!(error.message, "DECIMAL needs a precision and a scale");
}

#[tokio::test]
async fn a_row_without_its_event_time_is_refused() {
    let mut session = with_orders().await;
    for create in [
        "CREATE STREAM visits (id INT KEY, seen BIGINT) \
         WITH (KAFKA_TOPIC = 'visits', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'seen')",
        "CREATE STREAM notes (id INT KEY, seen STRING) WITH (KAFKA_TOPIC = 'notes', VALUE_FORMAT = 'JSON', \
         PARTITIONS = 1, TIMESTAMP = 'seen', TIMESTAMP_FORMAT = 'yyyy-MM-dd')",
    ] {
        run(&mut session, create, &[]).await.expect("is created");
    }
    for (insert, message, place) in [
        ("INSERT INTO visits VALUES (1, 5), (2, NULL)", "must not be NULL", Some(39)),
        ("INSERT INTO visits (id) VALUES (1)", "must not be NULL", None),
        ("INSERT INTO visits VALUES (1, -5)", "holds no legal time", Some(32)),
        ("INSERT INTO notes VALUES (1, 'soon')", "holds no legal time", Some(30)),
    ] {
        let error = run(&mut session, insert, &[]).await.expect_err(insert);
        assert_eq!(error.kind, ErrorKind::Invalid, "{insert}");
        assert!(error.message.contains("event time") && error.message.ends_with(message), "{error}");
        assert_eq!(error.position.map(|position| position.offset), place, "{insert}");
    }
    run(&mut session, "INSERT INTO notes VALUES (1, '2026-01-01')", &[]).await.expect("is inserted");
    run(&mut session, "INSERT INTO visits VALUES (1, 5)", &[]).await.expect("is inserted");
    let rows = run(&mut session, "SELECT id, seen FROM visits", &[]).await.expect("rows");
    assert_eq!(rows, ["1|5"]);
}

/// A session with a table whose rows refer to those of another, in several shards.
async fn with_referring_table() -> Session {
    let engine = Engine::open(EngineOptions { workers: 4, ..EngineOptions::default() }).expect("an engine");
    let mut session = session(&engine, Dialect::Postgres);
    for statement in [
        "CREATE TABLE items (id INT PRIMARY KEY, shop INT) \
         WITH (KAFKA_TOPIC = 'items', VALUE_FORMAT = 'JSON', PARTITIONS = 3)",
        "CREATE TABLE shops (id INT PRIMARY KEY, city STRING) \
         WITH (KAFKA_TOPIC = 'shops', VALUE_FORMAT = 'JSON', PARTITIONS = 2)",
        "CREATE TABLE placed AS SELECT i.id AS id, city FROM items i LEFT JOIN shops s ON i.shop = s.id EMIT CHANGES",
    ] {
        run(&mut session, statement, &[]).await.expect("a statement of the setup");
    }
    session
}

#[tokio::test]
async fn a_foreign_key_join_in_several_shards_meets_every_row_and_counts_it_once() {
    let mut session = with_referring_table().await;
    for statement in [
        "INSERT INTO shops VALUES (1, 'Ulm'), (2, 'Bonn')",
        "INSERT INTO items VALUES (1, 1), (2, 2), (3, 1), (4, 2), (5, 1), (6, 2), (7, 3), (8, 1)",
        "INSERT INTO shops VALUES (2, 'Kiel')",
        "INSERT INTO items VALUES (8, 2)",
    ] {
        run(&mut session, statement, &[]).await.expect("is inserted");
    }
    let rows = run(&mut session, "SELECT id, city FROM placed ORDER BY id", &[]).await.expect("rows");
    assert_eq!(rows, ["1|Ulm", "2|Kiel", "3|Ulm", "4|Kiel", "5|Ulm", "6|Kiel", "7|∅", "8|Kiel"]);
    let engine = session.engine();
    let catalog = engine.catalog().state();
    let query = catalog.queries.keys().next().expect("a query");
    let ledgers = engine.queries().handle(query).expect("it runs").ledgers().all();
    let counts: Vec<(&str, u64, u64)> =
        ledgers.iter().map(|(source, counts)| (source.as_str(), counts.records_in, counts.out)).collect();
    assert_eq!(counts, [("ITEMS", 9, 9), ("SHOPS", 3, 3)]);
}

#[tokio::test]
async fn a_foreign_key_join_that_began_in_one_shard_stays_there() {
    let session = with_referring_table().await;
    let catalog = session.engine().catalog().state();
    let record = catalog.queries.values().next().expect("a query");
    let recipients = |record: &QueryRecord| -> Vec<(usize, Recipients)> {
        let environment = session.engine().queries().environment();
        let plan = crate::queries::plan_record(record, &catalog, environment).expect("can be planned");
        let exchanges = plan.stages.iter().filter_map(|stage| stage.exchange.as_ref());
        exchanges.map(|exchange| (exchange.key.len(), exchange.recipients)).collect()
    };
    assert_eq!(recipients(record), [(1, Recipients::ShardOfKey), (1, Recipients::EveryShard)]);
    let before = QueryRecord { join_state_version: 0, ..record.as_ref().clone() };
    assert_eq!(recipients(&before), [(0, Recipients::ShardOfKey), (0, Recipients::ShardOfKey)]);
}

//! Statements that declare, change and assert, as sessions send them, on an engine in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::CatalogState;
use crate::catalog::record::QueryRecord;
use crate::error::{Error, ErrorKind, Result};
use crate::queries::plan_record;
use crate::registry::{SchemaDefinition, SchemaKind};
use crate::session::{Dialect, Session};
use crate::session_harness::{self, engine};

pub(super) fn session(dialect: Dialect) -> Session {
    session_harness::session(&engine(), dialect)
}

/// Runs a statement; gives the sentence of a command, or rows as `a|b`, null as `∅`.
pub(super) async fn run(session: &mut Session, text: &str) -> Result<Vec<String>> {
    session_harness::run(session, text, &[]).await
}

/// Runs statements that are to succeed.
pub(super) async fn all(session: &mut Session, statements: &[&str]) {
    for statement in statements {
        run(session, statement).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

pub(super) async fn refused(session: &mut Session, statement: &str) -> Error {
    match run(session, statement).await {
        Ok(answer) => panic!("{statement} was not refused: {answer:?}"),
        Err(error) => error,
    }
}

const EVENTS: &str = "CREATE STREAM events (k STRING KEY, n INT) \
                      WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_was_added_has_no_value_in_what_was_written_before() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "INSERT INTO events VALUES ('a', 1)",
            "ALTER STREAM events ADD COLUMN note STRING",
            "INSERT INTO events VALUES ('b', 2, 'new')",
        ],
    )
    .await;
    let rows = run(&mut session, "SELECT k, n, note FROM events ORDER BY k").await.expect("rows");
    assert_eq!(rows, ["a|1|∅", "b|2|new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_go_on_with_the_columns_that_their_sources_had_when_they_were_made() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE STREAM everything AS SELECT * FROM events",
            "CREATE STREAM further AS SELECT * FROM everything",
            "ALTER STREAM events ADD COLUMN a INT",
            "CREATE OR REPLACE STREAM events (k STRING KEY, n INT, a INT, b INT) \
             WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON')",
            "PAUSE CSAS_EVERYTHING_1",
            "RESUME CSAS_EVERYTHING_1",
        ],
    )
    .await;
    let column_names = |state: &CatalogState, name: &str| -> Vec<String> {
        state.sources[name].source.columns.iter().map(|column| column.name.clone()).collect()
    };
    let state = session.engine().catalog().state();
    assert_eq!(column_names(&state, "EVENTS"), ["K", "N", "A", "B"]);
    let columns_planned = |id: &str| {
        let state = session.engine().catalog().state();
        let environment = session.engine().queries().environment();
        let plan = plan_record(&state.queries[id], &state, environment).expect("a plan");
        plan.schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<String>>()
    };
    assert_eq!(columns_planned("CSAS_EVERYTHING_1"), ["K", "N"]);

    let replace = "CREATE OR REPLACE STREAM everything AS SELECT * FROM events";
    run(&mut session, replace).await.expect("what * stands for is asked again");
    let state = session.engine().catalog().state();
    assert_eq!(column_names(&state, "EVERYTHING"), ["K", "N", "A", "B"]);
    assert_eq!(column_names(&state, "FURTHER"), ["K", "N"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_earlier_versions_see_the_columns_that_their_sources_have_when_the_server_starts() {
    let mut session = session(Dialect::Postgres);
    all(&mut session, &[EVENTS, "CREATE STREAM everything AS SELECT * FROM events"]).await;
    let forget = |state: &mut CatalogState| {
        for query in state.queries.values_mut() {
            *query = Arc::new(QueryRecord { columns_seen: BTreeMap::new(), ..query.as_ref().clone() });
        }
    };
    let forgotten = session.engine().catalog().change(|state, _| {
        forget(state);
        Ok(())
    });
    forgotten.expect("a change");
    let add = "ALTER STREAM events ADD COLUMN a INT";
    assert_eq!(refused(&mut session, add).await.kind, ErrorKind::InUse);
    session.engine().catalog().complete_queries().expect("a change");
    all(&mut session, &[add]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_does_not_get_other_columns_under_queries_that_fill_it() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE STREAM more (k STRING KEY, n INT) \
             WITH (KAFKA_TOPIC = 'more', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE STREAM named AS SELECT k, n FROM events",
            "INSERT INTO events SELECT * FROM more",
        ],
    )
    .await;
    for statement in [
        "ALTER STREAM events ADD COLUMN b INT",
        "CREATE OR REPLACE STREAM events (k STRING KEY, n INT, b INT) \
         WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON')",
    ] {
        let error = refused(&mut session, statement).await;
        assert_eq!(error.kind, ErrorKind::InUse);
        assert!(error.message.contains("[INSERTQUERY_2]"), "{error}");
    }
    let error = refused(&mut session, "ALTER STREAM named ADD COLUMN b INT").await;
    assert_eq!(error.message, "ALTER command is not supported for CREATE ... AS statements.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_source_of_others_is_only_read() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[EVENTS, "CREATE SOURCE TABLE seen (k STRING PRIMARY KEY, n INT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON')"],
    )
    .await;
    for (statement, message) in [
        ("INSERT INTO seen VALUES ('a', 1)", "Cannot insert values into read-only table: SEEN"),
        ("DROP TABLE seen DELETE TOPIC", "Cannot delete topic for read-only source: SEEN"),
        (
            "ALTER TABLE seen ADD COLUMN m INT",
            "Cannot alter table 'SEEN': ALTER operations are not supported on source tables.",
        ),
    ] {
        assert_eq!(refused(&mut session, statement).await.message, message);
    }
    all(&mut session, &["INSERT INTO events VALUES ('a', 1), ('a', 2)"]).await;
    assert_eq!(run(&mut session, "SELECT k, n FROM seen").await.expect("rows"), ["a|2"]);
    all(&mut session, &["DROP TABLE seen", "PRINT 'events' FROM BEGINNING LIMIT 1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_in_every_kind_of_query() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE FUNCTION twice(x BIGINT) RETURNS BIGINT AS 'x * 2'",
            "CREATE FUNCTION label(name STRING, x BIGINT) RETURNS STRING AS 'name || CAST(twice(x) AS STRING)'",
            "CREATE STREAM labelled AS SELECT k, label(k, n) AS l FROM events WHERE twice(n) > 2",
            "INSERT INTO events VALUES ('a', 1), ('b', 2)",
        ],
    )
    .await;
    assert_eq!(run(&mut session, "SELECT l FROM labelled").await.expect("rows"), ["b4"]);
    let rows = run(&mut session, "SELECT sum(twice(n)) FROM events").await.expect("rows");
    assert_eq!(rows, ["6"]);
    session.set("auto.offset.reset", "earliest").expect("a setting");
    let pushed = "SELECT twice(twice(n)) AS t FROM events EMIT CHANGES LIMIT 1";
    assert_eq!(run(&mut session, pushed).await.expect("rows"), ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_something_calls_stays_what_it_is() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE FUNCTION twice(x BIGINT) RETURNS BIGINT AS 'x * 2'",
            "CREATE FUNCTION four(x BIGINT) RETURNS BIGINT AS 'twice(twice(x))'",
            "CREATE STREAM doubled AS SELECT k, four(n) AS n FROM events",
        ],
    )
    .await;
    let exists = refused(&mut session, "CREATE FUNCTION twice(x INT) RETURNS INT AS 'x'").await;
    assert_eq!(exists.kind, ErrorKind::AlreadyExists);
    for statement in [
        "CREATE OR REPLACE FUNCTION twice(x BIGINT) RETURNS BIGINT AS 'x * 3'",
        "DROP FUNCTION twice",
        "DROP FUNCTION four",
    ] {
        assert_eq!(refused(&mut session, statement).await.kind, ErrorKind::InUse, "{statement}");
    }
    all(
        &mut session,
        &[
            "CREATE OR REPLACE FUNCTION twice(x BIGINT) RETURNS BIGINT AS 'x * 2'",
            "TERMINATE ALL",
            "DROP FUNCTION four",
            "DROP FUNCTION twice",
            "DROP FUNCTION IF EXISTS twice",
        ],
    )
    .await;
    assert_eq!(refused(&mut session, "DROP FUNCTION twice").await.kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_stand_in_every_statement_of_their_session() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            "DEFINE source = 'events'",
            "DEFINE format = 'JSON'",
            "DEFINE quote = 'it''s'",
            "CREATE STREAM ${source} (k STRING KEY, n INT) \
             WITH (KAFKA_TOPIC = '${source}', VALUE_FORMAT = '${FORMAT}', PARTITIONS = 1)",
            "INSERT INTO ${source} VALUES ('${quote}', 1)",
        ],
    )
    .await;
    assert_eq!(run(&mut session, "SELECT k FROM ${source}").await.expect("rows"), ["it's"]);
    assert_eq!(
        run(&mut session, "SHOW VARIABLES").await.expect("rows"),
        ["FORMAT|JSON", "QUOTE|it's", "SOURCE|events"]
    );
    let error = refused(&mut session, "SELECT 1,\n  ${other}").await;
    let place = error.position.expect("a place");
    assert_eq!((error.kind, place.line, place.column), (ErrorKind::NotFound, 2, 3));
    // A place behind a variable is told in what was written.
    let error = refused(&mut session, "SELECT '${quote}', nothing FROM ${source}").await;
    assert_eq!(error.position.map(|place| place.column), Some(20));
    all(&mut session, &["UNDEFINE source", "SET 'ksql.variable.substitution.enable' = 'false'"]).await;
    assert_eq!(run(&mut session, "SELECT '${quote}'").await.expect("rows"), ["${quote}"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_asserted_and_waited_for() {
    let mut session = session(Dialect::Postgres);
    let error = refused(&mut session, "ASSERT TOPIC events TIMEOUT 1 MILLISECONDS").await;
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, "Topic events does not exist."));
    all(&mut session, &["ASSERT NOT EXISTS TOPIC events"]).await;
    let mut other = session.engine().session(session.options().clone());
    let waiting = tokio::spawn(async move { run(&mut other, "ASSERT TOPIC 'events' TIMEOUT 1 HOURS").await });
    all(&mut session, &[EVENTS]).await;
    assert_eq!(waiting.await.expect("ends").expect("is there"), ["Topic events exists."]);
    all(&mut session, &["ASSERT TOPIC events WITH (PARTITIONS = 1, REPLICAS = 1)"]).await;
    let error =
        refused(&mut session, "ASSERT TOPIC events WITH (PARTITIONS = 3) TIMEOUT 1 MILLISECONDS").await;
    assert_eq!(
        error.message,
        "Mismatched configuration for topic events: For config partitions, expected 3 got 1"
    );
    let error = refused(&mut session, "ASSERT NOT EXISTS TOPIC events TIMEOUT 1 MILLISECONDS").await;
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_asserted_by_subject_and_by_id() {
    let mut session = session(Dialect::Postgres);
    let missing = refused(&mut session, "ASSERT SCHEMA SUBJECT 'notes-value' TIMEOUT 1 MILLISECONDS").await;
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(missing.message, "Schema with subject name notes-value does not exist.");
    let definition = SchemaDefinition::new(SchemaKind::Avro, "\"string\"");
    let registered = session.engine().schemas().register("notes-value", definition, false);
    let id = registered.expect("registers").id;
    all(
        &mut session,
        &[
            "ASSERT SCHEMA SUBJECT 'notes-value'",
            &format!("ASSERT SCHEMA ID {id}"),
            &format!("ASSERT SCHEMA SUBJECT 'notes-value' ID {id} TIMEOUT 1 SECONDS"),
            "ASSERT NOT EXISTS SCHEMA SUBJECT 'notes-key'",
            "ASSERT NOT EXISTS SCHEMA ID 99999999999",
        ],
    )
    .await;
    let other = format!("ASSERT SCHEMA SUBJECT 'notes-key' ID {id} TIMEOUT 1 MILLISECONDS");
    assert_eq!(refused(&mut session, &other).await.kind, ErrorKind::NotFound);
    let there =
        refused(&mut session, &format!("ASSERT NOT EXISTS SCHEMA ID {id} TIMEOUT 1 MILLISECONDS")).await;
    assert_eq!(there.kind, ErrorKind::AlreadyExists);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ksqldb_cannot_run_is_refused_where_the_session_asks_for_it() {
    let mut session = session(Dialect::Ksql);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE STREAM lines (k STRING KEY, n INT) WITH (KAFKA_TOPIC = 'lines', VALUE_FORMAT = 'DELIMITED', PARTITIONS = 1)",
        ],
    )
    .await;
    let beyond = [
        "SELECT * FROM events ORDER BY n",
        "CREATE TABLE averages AS SELECT k, AVG(n) AS a FROM lines GROUP BY k",
    ];
    session.set("tidemill.ksqldb.limits", "on").expect("a setting");
    for statement in beyond {
        refused(&mut session, statement).await;
    }
    session.set("tidemill.ksqldb.limits", "off").expect("a setting");
    all(&mut session, &beyond).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_legal_time_ends_the_query_that_was_made_so() {
    let mut session = session(Dialect::Postgres);
    session.set("auto.offset.reset", "earliest").expect("a setting");
    all(
        &mut session,
        &[
            "CREATE STREAM timed (k STRING KEY, moment STRING) \
             WITH (KAFKA_TOPIC = 'timed', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'moment', \
             TIMESTAMP_FORMAT = 'yyyy-MM-dd')",
            "CREATE STREAM untimed (k STRING KEY, moment STRING) \
             WITH (KAFKA_TOPIC = 'timed', VALUE_FORMAT = 'JSON')",
            "INSERT INTO untimed VALUES ('a', 'never'), ('b', '2024-02-29')",
        ],
    )
    .await;
    let query = "SELECT k FROM timed EMIT CHANGES LIMIT 1";
    assert_eq!(run(&mut session, query).await.expect("the record is passed"), ["b"]);
    session.set("ksql.timestamp.throw.on.invalid", "true").expect("a setting");
    let error = refused(&mut session, query).await;
    assert!(error.message.contains("the event time is missing, unreadable or before 1970"), "{error}");
    assert!(error.message.contains("timed") && error.message.contains("offset 0"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_another_source_stands_on_is_not_deleted() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            "CREATE STREAM one (k STRING KEY, n INT) WITH (KAFKA_TOPIC = 'shared', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE TABLE two (k STRING PRIMARY KEY, n INT) WITH (KAFKA_TOPIC = 'shared', VALUE_FORMAT = 'JSON')",
            "INSERT INTO one VALUES ('a', 1)",
        ],
    )
    .await;
    let error = refused(&mut session, "DROP STREAM one DELETE TOPIC").await;
    assert_eq!(error.kind, ErrorKind::InUse);
    assert!(error.message.contains("Found other data sources (TWO) using topic shared"), "{error}");
    assert_eq!(run(&mut session, "SELECT k, n FROM two").await.expect("rows"), ["a|1"]);
    all(&mut session, &["DROP STREAM one", "DROP TABLE two DELETE TOPIC"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_query_was_terminated_is_what_its_topic_holds() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE TABLE sums AS SELECT k, SUM(n) AS total FROM events GROUP BY k",
            "INSERT INTO events VALUES ('a', 1), ('b', 2), ('a', 3)",
        ],
    )
    .await;
    let query = "SELECT k, total FROM sums ORDER BY k";
    assert_eq!(run(&mut session, query).await.expect("rows"), ["a|4", "b|2"]);
    all(&mut session, &["TERMINATE ALL"]).await;
    assert_eq!(run(&mut session, query).await.expect("rows"), ["a|4", "b|2"]);
    all(&mut session, &["INSERT INTO sums VALUES ('c', 99), ('a', 5)"]).await;
    assert_eq!(run(&mut session, query).await.expect("rows"), ["a|5", "b|2", "c|99"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_would_read_what_it_writes_is_refused_unless_that_is_meant() {
    let mut session = session(Dialect::Postgres);
    all(
        &mut session,
        &[
            EVENTS,
            "CREATE STREAM there AS SELECT * FROM events",
            "CREATE STREAM further AS SELECT * FROM there",
        ],
    )
    .await;
    for statement in [
        "INSERT INTO events SELECT * FROM events",
        "INSERT INTO events SELECT * FROM further",
        "CREATE STREAM again WITH (KAFKA_TOPIC = 'events') AS SELECT * FROM events",
        "CREATE OR REPLACE STREAM there AS SELECT k, n FROM further",
    ] {
        let error = refused(&mut session, statement).await;
        assert!(error.message.starts_with("the query would read what it writes"), "{statement}: {error}");
    }
    all(&mut session, &["INSERT INTO further SELECT * FROM events"]).await;
    session.set("tidemill.query.loops", "on").expect("a setting");
    all(&mut session, &["INSERT INTO events SELECT * FROM further WHERE n < 0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_writes_all_of_its_rows_or_none() {
    let mut session = session(Dialect::Postgres);
    all(&mut session, &[EVENTS, "CREATE STREAM texts (t STRING) WITH (KAFKA_TOPIC = 'texts', VALUE_FORMAT = 'JSON', PARTITIONS = 2)"]).await;
    let long = "x".repeat(2 << 20);
    let error = refused(&mut session, &format!("INSERT INTO texts VALUES ('short'), ('{long}')")).await;
    assert_eq!(error.kind, ErrorKind::LimitExceeded);
    let count = "SELECT COUNT(*) FROM texts";
    assert_eq!(run(&mut session, count).await.expect("rows"), ["0"]);
    // Together they are more than one batch may be.
    let row = format!("('{}')", "y".repeat(64 << 10));
    let rows = vec![row.as_str(); 40].join(", ");
    all(&mut session, &[&format!("INSERT INTO texts VALUES {rows}")]).await;
    assert_eq!(run(&mut session, count).await.expect("rows"), ["40"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_a_column_does_not_have_are_refused_and_on_ksqldb_left_out() {
    let mut session = session(Dialect::Ksql);
    let create = "CREATE STREAM s (k STRING KEY, v STRUCT<a INT, b STRING>) \
                  WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";
    let insert = "INSERT INTO s VALUES ('k', STRUCT(b := 'x', c := 2))";
    all(&mut session, &[create]).await;
    let error = refused(&mut session, insert).await;
    assert!(error.message.contains("Field `C` is not part of STRUCT<`A` INTEGER, `B` STRING>"), "{error}");
    // A text is no number where statements have to run on ksqlDB too.
    all(&mut session, &[EVENTS, "INSERT INTO events VALUES ('k', '7')"]).await;
    session.set("tidemill.ksqldb.limits", "on").expect("a setting");
    all(&mut session, &[insert]).await;
    let rows = run(&mut session, "SELECT v->a, v->b FROM s").await.expect("rows");
    assert_eq!(rows, ["∅|x"]);
    refused(&mut session, "INSERT INTO s VALUES ('k', STRUCT(c := 2))").await;
    refused(&mut session, "INSERT INTO events VALUES ('k', '7')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_and_queries_tell_more_when_they_are_asked_for_more() {
    let mut session = session(Dialect::Postgres);
    all(&mut session, &[EVENTS, "CREATE TABLE sums AS SELECT k, SUM(n) AS total FROM events GROUP BY k"])
        .await;
    let topics = run(&mut session, "SHOW TOPICS EXTENDED").await.expect("rows");
    let of = |name: &str| {
        let line = topics.iter().find(|line| line.starts_with(name)).expect("the topic is listed");
        line.split('|').skip(6).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of("events|"), ["delete", "604800000", "events", "CTAS_SUMS_1", "", ""]);
    assert_eq!(of("SUMS|"), ["compact", "∅", "sums", "", "CTAS_SUMS_1", ""]);
    let queries = run(&mut session, "SHOW QUERIES EXTENDED").await.expect("rows");
    for line in ["CTAS_SUMS_1|status|RUNNING", "CTAS_SUMS_1|reads|events", "CTAS_SUMS_1|fills|sums"] {
        assert!(queries.iter().any(|told| told == line), "{line}: {queries:?}");
    }
}

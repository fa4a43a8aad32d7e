//! The SQL surface as golden files, over both Postgres protocols, and what no file can hold.

use sqllogictest::AsyncDB;
use tidemill_tests::Server;
use tidemill_tests::golden::{Connection, Protocol, run_all};

#[tokio::test(flavor = "multi_thread")]
async fn golden_files_hold_over_the_simple_protocol() {
    run_all(Protocol::Simple).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_files_hold_over_the_extended_protocol() {
    run_all(Protocol::Extended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_would_overflow_the_stack_are_refused_and_the_connection_goes_on() {
    let server = Server::start();
    let parentheses = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let sum = vec!["1"; 100_000].join("+");
    let nots = format!("{} true", "NOT ".repeat(100_000));
    let arrays = format!("{}1{}", "ARRAY[".repeat(10_000), "]".repeat(10_000));
    let subqueries = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(10_000), ") t".repeat(10_000));
    for protocol in [Protocol::Simple, Protocol::Extended] {
        let mut connection = Connection::open(&server.postgres(), protocol).await.unwrap();
        run(&mut connection, "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1)")
            .await
            .unwrap_or_else(|refused| assert_eq!(refused.as_deref(), Some("42P07")));
        for expression in [&parentheses, &sum, &nots, &arrays] {
            for statement in [
                format!("SELECT {expression}"),
                format!("SELECT k, {expression} AS x FROM s EMIT CHANGES"),
                format!("CREATE STREAM t AS SELECT k, v FROM s WHERE {expression} = 1 EMIT CHANGES"),
                format!("INSERT INTO s VALUES (1, {expression})"),
            ] {
                let refused = run(&mut connection, &statement).await.expect_err("it is too complex");
                assert_eq!(refused.as_deref(), Some("54001"), "{protocol:?}: {}", &statement[..60]);
            }
        }
        let refused = run(&mut connection, &subqueries).await.expect_err("it is too complex");
        assert_eq!(refused.as_deref(), Some("54001"));
        run(&mut connection, "SELECT 1").await.expect("the connection goes on");
    }
    server.stop();
}

/// Runs a statement; gives the SQLSTATE of its error.
async fn run(connection: &mut Connection, statement: &str) -> Result<(), Option<String>> {
    match connection.run(statement).await {
        Ok(_) => Ok(()),
        Err(refused) => Err(refused.state),
    }
}

//! The SQL surface as golden files, over both Postgres protocols.

use tidemill_tests::golden::{Protocol, run_all};

#[tokio::test(flavor = "multi_thread")]
async fn golden_files_hold_over_the_simple_protocol() {
    run_all(Protocol::Simple).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_files_hold_over_the_extended_protocol() {
    run_all(Protocol::Extended).await;
}

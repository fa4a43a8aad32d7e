//! The live view: results of the scenario, drawn over and over in the terminal.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;

use super::scenario::{ALERTS, PANELS};
use super::stage::failed;
use crate::commands::CommandError;
use crate::repl::Remote;
use crate::repl::backend::{Answer, Backend, Failure, Row};
use crate::repl::table::Table;

/// Time between two drawings in a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// The same where output is kept, as in a file or a log: one drawing a window.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The latest alerts that are shown.
const ALERTS_SHOWN: usize = 5;

/// Rows of a panel that are read; the queries ask for fewer.
const PANEL_ROWS_MAX: usize = 50;

/// Clears the terminal and begins at its top.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J\u{1b}[3J";

type LatestAlerts = Arc<Mutex<VecDeque<Row>>>;

/// Draws the view until the server goes.
pub(super) async fn watch(panels: Remote, alerts: Remote, guide: &str) -> Result<(), CommandError> {
    let latest = LatestAlerts::default();
    tokio::select! {
        ended = collect_alerts(alerts, latest.clone()) => ended,
        ended = draw(panels, latest, guide) => ended,
    }
}

/// Keeps the latest alerts as the push query gives them.
async fn collect_alerts(mut backend: Remote, latest: LatestAlerts) -> Result<(), CommandError> {
    let Answer::Rows { mut rows, .. } = backend.execute(ALERTS).await.map_err(failed)? else {
        return Err(failed(Failure::new("the alerts are no rows")));
    };
    while let Some(batch) = rows.next().await {
        let mut latest = latest.lock();
        for row in batch.map_err(failed)? {
            if latest.len() == ALERTS_SHOWN {
                latest.pop_front();
            }
            latest.push_back(row);
        }
    }
    Err(failed(Failure::new("the alerts ended")))
}

async fn draw(mut backend: Remote, latest: LatestAlerts, guide: &str) -> Result<(), CommandError> {
    let terminal = io::stdout().is_terminal();
    let mut ticks = tokio::time::interval(if terminal { REDRAW_INTERVAL } else { REPORT_INTERVAL });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let mut text = String::new();
        if terminal {
            let _ = write!(text, "{CLEAR}{guide}\n\n");
        }
        for (heading, query) in PANELS {
            let (columns, rows) = panel(&mut backend, query).await.map_err(failed)?;
            text.push_str(&drawn(heading, columns, &rows));
        }
        let alerts: Vec<Row> = latest.lock().iter().cloned().collect();
        let columns = ["metric", "device", "measured", "maximum"].map(str::to_owned).to_vec();
        text.push_str(&drawn("Latest alerts", columns, &alerts));
        let mut output = io::stdout().lock();
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush())
            .map_err(|error| CommandError(format!("could not write the view: {error}")))?;
    }
}

async fn panel(backend: &mut Remote, query: &str) -> Result<(Vec<String>, Vec<Row>), Failure> {
    let Answer::Rows { columns, mut rows } = backend.execute(query).await? else {
        return Err(Failure::new("a panel of the view is no query"));
    };
    let mut found = Vec::new();
    while let Some(batch) = rows.next().await {
        let room = PANEL_ROWS_MAX - found.len();
        found.extend(batch?.into_iter().take(room));
    }
    Ok((columns, found))
}

/// A heading and the rows below it; a dash where there are none yet.
fn drawn(heading: &str, columns: Vec<String>, rows: &[Row]) -> String {
    if rows.is_empty() {
        return format!("{heading}\n  –\n\n");
    }
    let mut table = Table::new(columns);
    rows.iter().for_each(|row| table.fit(row));
    let lines: Vec<String> = rows.iter().map(|row| table.row(row)).collect();
    format!("{heading}\n{}\n{}\n\n", table.heading(), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_without_rows_says_so() {
        assert_eq!(drawn("Disks", vec!["device".to_owned()], &[]), "Disks\n  –\n\n");
    }

    #[test]
    fn a_panel_is_a_table_below_its_heading() {
        let rows = vec![vec![Some("vda".to_owned()), Some("12".to_owned())]];
        let text = drawn("Disks", vec!["device".to_owned(), "read".to_owned()], &rows);
        assert_eq!(text, "Disks\n device | read\n--------+------\n vda    |   12\n\n");
    }
}

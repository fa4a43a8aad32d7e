//! The live view: results of the scenario, drawn over and over in the terminal.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;

use super::layout::{Room, arranged};
use super::scenario::{ALERTS, DEVICES, PROCESSES, Panel};
use super::stage::failed;
use crate::failure::CommandFailure;
use crate::repl::backend::{Answer, Backend, Failure, Row};
use crate::repl::table::Table;
use crate::repl::{Remote, terminal_size};

/// Time between two drawings in a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// The same where output is kept, as in a file or a log: one drawing a window.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// How long the first picture waits until there is something to see.
const FIRST_PICTURE_DEADLINE: Duration = Duration::from_secs(5);

/// Time between two looks whether there is.
const FIRST_PICTURE_INTERVAL: Duration = Duration::from_millis(100);

/// How long a panel without rows may still get its first ones: rates are told of whole windows, two of which
/// may have to pass.
const MEASURING: Duration = Duration::from_secs(12);

/// The latest alerts that are shown.
const ALERTS_SHOWN: usize = 5;

/// Rows of a panel that are read; the queries ask for fewer.
const PANEL_ROWS_MAX: usize = 50;

/// What stands in a panel where there is nothing.
const NOTHING: &str = "–";

/// Clears the terminal; what was there before stays where the user can scroll to.
const CLEAR: &str = "\u{1b}[2J";

/// To the top of the terminal.
const HOME: &str = "\u{1b}[H";

/// Clears the rest of a line.
const END_OF_LINE: &str = "\u{1b}[K";

/// Clears what is below the cursor.
const BELOW: &str = "\u{1b}[J";

type LatestAlerts = Arc<Mutex<VecDeque<Row>>>;

/// Draws the view until the server goes.
pub(super) async fn watch(panels: Remote, alerts: Remote, guide: &str) -> Result<(), CommandFailure> {
    let latest = LatestAlerts::default();
    tokio::select! {
        ended = collect_alerts(alerts, latest.clone()) => ended,
        ended = draw(panels, latest, guide) => ended,
    }
}

/// Keeps the latest alerts as the push query gives them.
async fn collect_alerts(mut backend: Remote, latest: LatestAlerts) -> Result<(), CommandFailure> {
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

async fn draw(mut backend: Remote, latest: LatestAlerts, guide: &str) -> Result<(), CommandFailure> {
    let terminal = io::stdout().is_terminal();
    let begun = Instant::now();
    while begun.elapsed() < FIRST_PICTURE_DEADLINE
        && panel(&mut backend, PROCESSES.query).await.map_err(failed)?.1.is_empty()
    {
        tokio::time::sleep(FIRST_PICTURE_INTERVAL).await;
    }
    let mut ticks = tokio::time::interval(if terminal { REDRAW_INTERVAL } else { REPORT_INTERVAL });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut cleared = false;
    loop {
        ticks.tick().await;
        let nothing = if begun.elapsed() < MEASURING { "measuring …" } else { NOTHING };
        let mut left = Vec::new();
        for Panel { heading, query } in DEVICES {
            let (columns, rows) = panel(&mut backend, query).await.map_err(failed)?;
            left.extend(drawn(heading, columns, &rows, nothing));
        }
        let (columns, rows) = panel(&mut backend, PROCESSES.query).await.map_err(failed)?;
        let mut right = drawn(PROCESSES.heading, columns, &rows, nothing);
        let alerts: Vec<Row> = latest.lock().iter().cloned().collect();
        let columns = ["metric", "device", "measured", "max"].map(str::to_owned).to_vec();
        right.extend(drawn("Latest alerts", columns, &alerts, NOTHING));
        let text = if terminal {
            let picture = picture(guide, &left, &right, room());
            format!("{}{picture}", if std::mem::replace(&mut cleared, true) { "" } else { CLEAR })
        } else {
            [left, right].concat().join("\n") + "\n"
        };
        let mut output = io::stdout().lock();
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush())
            .map_err(|error| CommandFailure(format!("could not write the view: {error}")))?;
    }
}

/// The guide with the panels below it, drawn over what stands there, a line at a time: clearing first
/// would flicker.
fn picture(guide: &str, left: &[String], right: &[String], room: Room) -> String {
    let mut lines: Vec<String> = guide.lines().map(str::to_owned).collect();
    lines.push(String::new());
    // The cursor stands below the last line, which must not push the first one out.
    let below = Room { lines: room.lines.saturating_sub(lines.len() + 1), ..room };
    lines.extend(arranged(left, right, below));
    let lines: String = lines.iter().map(|line| format!("{line}{END_OF_LINE}\n")).collect();
    format!("{HOME}{lines}{BELOW}")
}

/// The room of the terminal, which may be another one every second.
fn room() -> Room {
    // What a terminal that does not tell has had since there are terminals.
    let (columns, lines) = terminal_size().unwrap_or((80, 24));
    Room { columns: columns.into(), lines: lines.into() }
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

/// A heading and the rows below it, or a word where there are none, and an empty line.
fn drawn(heading: &str, columns: Vec<String>, rows: &[Row], nothing: &str) -> Vec<String> {
    let mut lines = vec![heading.to_owned()];
    if rows.is_empty() {
        lines.push(format!("  {nothing}"));
    } else {
        let mut table = Table::new(columns);
        rows.iter().for_each(|row| table.fit(row));
        lines.extend(table.heading().lines().map(str::to_owned));
        lines.extend(rows.iter().map(|row| table.row(row)));
    }
    lines.push(String::new());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_without_rows_says_so() {
        assert_eq!(drawn("Disks", vec!["device".to_owned()], &[], NOTHING), ["Disks", "  –", ""]);
    }

    #[test]
    fn a_panel_is_a_table_below_its_heading() {
        let rows = vec![vec![Some("vda".to_owned()), Some("12".to_owned())]];
        let lines = drawn("Disks", vec!["device".to_owned(), "read".to_owned()], &rows, NOTHING);
        assert_eq!(lines, ["Disks", " device | read", "--------+------", " vda    |   12", ""]);
    }

    #[test]
    fn a_picture_never_has_more_lines_than_the_terminal() {
        let panel: Vec<String> = (0..50).map(|line| line.to_string()).collect();
        let picture = picture("how to\nlook", &panel, &panel, Room { columns: 40, lines: 24 });
        assert_eq!(picture.matches('\n').count(), 23);
    }
}

//! The SQL of the demo, and what to type to look at it.

use tidemill_sql::parser::split;

use super::stage::Doors;

/// Streams, tables and queries of the scenario.
const SCRIPT: &str = include_str!("scenario.sql");

/// What the view shows: a heading, and a query over what is there now.
pub(super) const PANELS: &[(&str, &str)] = &[
    (
        "Processor, 10 s windows",
        "SELECT core, ROUND(busy_percent) AS busy, ROUND(peak_percent) AS peak FROM cpu_load \
         WHERE windowstart = (SELECT MAX(windowstart) FROM cpu_load) ORDER BY core LIMIT 8",
    ),
    (
        "Disks",
        "SELECT device, read_bytes_per_second, written_bytes_per_second FROM disk_rates \
         WHERE windowstart = (SELECT MAX(windowstart) FROM disk_rates) ORDER BY device LIMIT 4",
    ),
    (
        "Network",
        "SELECT interface, received_bytes_per_second, sent_bytes_per_second FROM network_rates \
         WHERE windowstart = (SELECT MAX(windowstart) FROM network_rates) ORDER BY interface LIMIT 4",
    ),
    (
        "Busiest processes",
        "SELECT pid, name, ROUND(cpu_percent) AS cpu, resident_bytes FROM top_processes \
         WHERE windowstart = (SELECT MAX(windowstart) FROM top_processes) \
         ORDER BY cpu_percent DESC, resident_bytes DESC LIMIT 5",
    ),
];

/// The alerts as they come.
pub(super) const ALERTS: &str = "SELECT metric, device, measured, maximum FROM alerts EMIT CHANGES";

/// The statements of the scenario, in their order.
pub(super) fn statements() -> Vec<&'static str> {
    split(SCRIPT).statements.into_iter().map(|piece| piece.text).collect()
}

/// How to look at the demo from outside.
pub(super) fn guide(doors: &Doors) -> String {
    let (postgres, kafka) = (doors.postgres, doors.kafka);
    let (host, port) = (postgres.ip(), postgres.port());
    format!(
        "This machine's metrics flow through a server of their own. Look at them from another terminal:

  psql -h {host} -p {port} -c 'SELECT * FROM top_processes ORDER BY cpu_percent DESC LIMIT 5'
  kcat -b {kafka} -t demo_cpu -C
  tidemill sql --connect postgres://{postgres}
    SELECT * FROM disk_rates EMIT CHANGES;
    INSERT INTO thresholds (metric, maximum) VALUES ('cpu_percent', 5.0);   -- and alerts begin

Ctrl-C ends the demo."
    )
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::parse;

    use super::*;

    #[test]
    fn the_scenario_and_its_panels_are_statements() {
        assert_eq!(parse(SCRIPT).unwrap().len(), statements().len());
        for (heading, query) in PANELS {
            assert!(parse(query).is_ok(), "{heading}");
        }
        assert!(parse(ALERTS).is_ok());
    }

    #[test]
    fn the_guide_names_the_ports() {
        let doors =
            Doors { postgres: "127.0.0.1:5433".parse().unwrap(), kafka: "127.0.0.1:9092".parse().unwrap() };
        let guide = guide(&doors);
        assert!(guide.contains("-p 5433") && guide.contains("-b 127.0.0.1:9092"), "{guide}");
        assert!(guide.contains("postgres://127.0.0.1:5433"), "{guide}");
    }
}

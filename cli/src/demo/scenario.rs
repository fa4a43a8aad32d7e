//! The SQL of the demo, and what to type to look at it.

use tidemill_sql::parser::split;

use super::stage::Doors;

/// Streams, tables and queries of the scenario.
const SCRIPT: &str = include_str!("scenario.sql");

/// A part of the view: a heading, and a query over what is there now.
pub(super) struct Panel {
    pub(super) heading: &'static str,
    pub(super) query: &'static str,
}

/// Devices, for the left of the view. An average holds while its window is filled; of sums a second
/// only the last window that is whole is shown.
pub(super) const DEVICES: &[Panel] = &[
    Panel {
        heading: "Processor, in windows of 5 s",
        query: "SELECT core, ROUND(busy_percent) AS busy, ROUND(peak_percent) AS peak FROM cpu_load \
                WHERE windowstart = (SELECT MAX(windowstart) FROM cpu_load) ORDER BY core LIMIT 8",
    },
    Panel {
        heading: "Disks",
        query: "SELECT device, read_bytes_per_second / 1024 AS read_kib_s, \
                written_bytes_per_second / 1024 AS write_kib_s FROM disk_rates \
                WHERE windowstart = (SELECT MAX(windowstart) - 5000 FROM disk_rates) \
                ORDER BY device LIMIT 4",
    },
    Panel {
        heading: "Network",
        query: "SELECT interface, received_bytes_per_second / 1024 AS in_kib_s, \
                sent_bytes_per_second / 1024 AS out_kib_s FROM network_rates \
                WHERE windowstart = (SELECT MAX(windowstart) - 5000 FROM network_rates) \
                ORDER BY received_bytes_per_second DESC, interface LIMIT 4",
    },
];

/// Processes, for the right of the view.
pub(super) const PROCESSES: Panel = Panel {
    heading: "Busiest processes",
    query: "SELECT pid, name, ROUND(cpu_percent) AS cpu, resident_bytes / 1048576 AS mib FROM top_processes \
            WHERE windowstart = (SELECT MAX(windowstart) FROM top_processes) \
            ORDER BY cpu_percent DESC, resident_bytes DESC LIMIT 5",
};

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
        for Panel { heading, query } in DEVICES.iter().chain([&PROCESSES]) {
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

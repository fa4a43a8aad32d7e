"""Event time: windows that close, late records, sessions that merge, and queries that catch up."""

import urllib.request

from harness import eventually
from records import HOUR, MINUTE, SECOND, START_MS, produce, read

VISITS = "CREATE STREAM visits (page STRING KEY, n INT) WITH (KAFKA_TOPIC = 'visits', VALUE_FORMAT = 'JSON', PARTITIONS = 4)"


def becomes(server, query, expected):
    eventually(lambda: server.sql(query) == expected)


def metric(server, name):
    """The sum of a metric over all queries."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.ports['http']}/metrics") as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))


def test_final_results_come_when_a_record_of_any_key_closes_the_window(server):
    server.sql(VISITS)
    server.sql("CREATE TABLE per_minute AS SELECT page, COUNT(*) AS n FROM visits WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 1 DAY) GROUP BY page EMIT FINAL")
    server.sql("CREATE TABLE hops AS SELECT page, COUNT(*) AS n FROM visits WINDOW HOPPING (SIZE 1 MINUTE, ADVANCE BY 30 SECONDS, RETENTION 1 DAY, GRACE PERIOD 10 SECONDS) GROUP BY page EMIT FINAL")
    server.sql("CREATE TABLE sessions AS SELECT page, COUNT(*) AS n FROM visits WINDOW SESSION (10 SECONDS, RETENTION 1 DAY) GROUP BY page EMIT FINAL")
    pages = [f"p{n}" for n in range(20)]
    produce(server, "visits", [(page, {"n": 1}, at) for at in (1 * SECOND, 2 * SECOND) for page in pages])
    produce(server, "visits", [("closer", {"n": 1}, MINUTE)])
    becomes(server, "SELECT count(*), sum(n) FROM per_minute", [(20, 40)])
    becomes(server, "SELECT count(*), sum(n) FROM sessions", [(20, 40)])
    # With 10 s of grace, the window that ends at 30 s is closed and the one that ends at 60 s is not.
    becomes(server, "SELECT windowstart, count(*), sum(n) FROM hops GROUP BY windowstart", [(START_MS - 30 * SECOND, 20, 40)])
    produce(server, "visits", [("closer", {"n": 1}, MINUTE + 10 * SECOND)])
    becomes(server, "SELECT windowstart, count(*), sum(n) FROM hops GROUP BY windowstart ORDER BY 1",
            [(START_MS - 30 * SECOND, 20, 40), (START_MS, 20, 40)])


def test_a_time_jump_loses_no_final_result_unless_one_asks_for_it(server):
    server.sql(VISITS)
    statement = "CREATE TABLE {} AS SELECT page, COUNT(*) AS n FROM visits WINDOW TUMBLING (SIZE 1 MINUTE{}) GROUP BY page EMIT FINAL"
    server.sql(statement.format("kept", ""))
    with server.connect() as connection:
        connection.execute("SET \"tidemill.emit.final.overtaken\" = 'forget'")
        connection.execute(statement.format("as_ksqldb", ""))
        connection.execute(statement.format("retained", ", RETENTION 1 DAY"))
    produce(server, "visits", [("a", {"n": 1}, 1)])
    produce(server, "visits", [("a", {"n": 1}, 2 * HOUR)])
    becomes(server, "SELECT page, windowstart, n FROM kept", [("a", START_MS, 1)])
    becomes(server, "SELECT page, windowstart, n FROM retained", [("a", START_MS, 1)])
    told = "SELECT count(*) FROM processing_log WHERE reason LIKE '%longer RETENTION keeps them%'"
    becomes(server, told, [(1,)])
    assert server.sql("SELECT count(*) FROM as_ksqldb") == [(0,)]
    # The choice is the query's, and outlives the session and the process.
    server.kill()
    server.start()
    produce(server, "visits", [("a", {"n": 1}, 9 * HOUR)])
    becomes(server, "SELECT max(windowstart) FROM kept", [(START_MS + 2 * HOUR,)])
    becomes(server, told, [(2,)])
    assert server.sql("SELECT count(*) FROM as_ksqldb") == [(0,)]


def test_late_records_are_counted_and_told_and_those_in_grace_are_taken(server):
    server.sql(VISITS)
    server.sql("CREATE TABLE hops AS SELECT page, COUNT(*) AS n FROM visits WINDOW HOPPING (SIZE 20 SECONDS, ADVANCE BY 10 SECONDS, RETENTION 1 DAY, GRACE PERIOD 5 SECONDS) GROUP BY page EMIT CHANGES")
    produce(server, "visits", [("a", {"n": 1}, 5 * SECOND), ("z", {"n": 1}, 24 * SECOND)])
    becomes(server, "SELECT count(*) FROM hops WHERE page = 'z'", [(2,)])
    # At 24 s the window [0, 20) is in its grace, [-10, 10) is closed.
    produce(server, "visits", [("a", {"n": 1}, 6 * SECOND)])
    becomes(server, "SELECT windowstart, n FROM hops WHERE page = 'a' ORDER BY 1", [(START_MS - 10 * SECOND, 1), (START_MS, 2)])
    produce(server, "visits", [("z", {"n": 1}, 25 * SECOND)])
    produce(server, "visits", [("a", {"n": 1}, 7 * SECOND)])
    eventually(lambda: metric(server, "tidemill_query_late_total") == 1)
    becomes(server, "SELECT count(*) FROM processing_log WHERE kind = 'late' AND reason LIKE '%closed%'", [(1,)])
    assert server.sql("SELECT n FROM hops WHERE page = 'a' AND windowstart = %s" % START_MS) == [(2,)]


def test_sessions_merge_and_say_which_they_replace(server):
    server.sql("CREATE STREAM visits (page STRING KEY, n INT) WITH (KAFKA_TOPIC = 'visits', VALUE_FORMAT = 'JSON', PARTITIONS = 1)")
    server.sql("CREATE TABLE sessions AS SELECT page, COUNT(*) AS n, SUM(n) AS total FROM visits WINDOW SESSION (10 SECONDS) GROUP BY page EMIT CHANGES")
    query = "SELECT windowstart, windowend, n, total FROM sessions ORDER BY 1"
    at = lambda seconds: START_MS + seconds * SECOND
    produce(server, "visits", [("a", {"n": 1}, 0)])
    becomes(server, query, [(at(0), at(0), 1, 1)])
    produce(server, "visits", [("a", {"n": 2}, 15 * SECOND)])
    becomes(server, query, [(at(0), at(0), 1, 1), (at(15), at(15), 1, 2)])
    produce(server, "visits", [("a", {"n": 4}, 8 * SECOND)])
    becomes(server, query, [(at(0), at(15), 3, 7)])
    server.kill()
    server.start()
    produce(server, "visits", [("a", {"n": 8}, 20 * SECOND)])
    becomes(server, query, [(at(0), at(20), 4, 15)])


def test_having_takes_rows_out_of_the_table_again(server):
    server.sql("CREATE TABLE stock (id STRING PRIMARY KEY, shelf STRING, n INT) WITH (KAFKA_TOPIC = 'stock', VALUE_FORMAT = 'JSON', PARTITIONS = 2)")
    server.sql("CREATE TABLE full_shelves AS SELECT shelf, SUM(n) AS n FROM stock GROUP BY shelf HAVING SUM(n) > 10 EMIT CHANGES")
    query = "SELECT shelf, n FROM full_shelves ORDER BY 1"
    produce(server, "stock", [("tea", {"shelf": "a", "n": 8}, 0), ("jam", {"shelf": "a", "n": 5}, 1), ("ham", {"shelf": "b", "n": 9}, 2)])
    becomes(server, query, [("a", 13)])
    produce(server, "stock", [("jam", {"shelf": "b", "n": 5}, 3)])
    becomes(server, query, [("b", 14)])
    produce(server, "stock", [("ham", None, 4)])
    becomes(server, query, [])
    assert [value for key, value, _ in read(server, "FULL_SHELVES") if key == "b"][-1] is None


def test_a_stream_with_another_key_is_grouped_by_it(server):
    server.sql(VISITS)
    server.sql("CREATE STREAM by_n AS SELECT n, page FROM visits PARTITION BY n EMIT CHANGES")
    server.sql("CREATE TABLE per_n AS SELECT n, COUNT(*) AS visits, COUNT_DISTINCT(page) AS pages FROM by_n GROUP BY n EMIT CHANGES")
    produce(server, "visits", [(f"p{n % 6}", {"n": n % 4}, n) for n in range(240)])
    becomes(server, "SELECT n, visits, pages FROM per_n ORDER BY 1", [(n, 60, 3) for n in range(4)])


def test_a_query_that_catches_up_finds_nothing_late(server):
    server.sql(VISITS)
    # Three hours in each partition, of which one has a hundred times as many records as the others.
    dense, sparse = 60_000, 600
    produce(server, "visits", [("dense", {"n": 1}, n * 3 * HOUR // dense) for n in range(dense)], partition=0)
    for partition in (1, 2, 3):
        records = [(f"sparse {partition}", {"n": 1}, n * 3 * HOUR // sparse) for n in range(sparse)]
        produce(server, "visits", records, partition=partition)
    server.sql("CREATE TABLE per_minute AS SELECT page, COUNT(*) AS n FROM visits WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 1 DAY, GRACE PERIOD 0 SECONDS) GROUP BY page EMIT FINAL")
    produce(server, "visits", [("closer", {"n": 1}, 3 * HOUR)])
    becomes(server, "SELECT page, count(*), sum(n) FROM per_minute GROUP BY page ORDER BY page",
            [("dense", 180, dense)] + [(f"sparse {partition}", 180, sparse) for partition in (1, 2, 3)])
    assert metric(server, "tidemill_query_late_total") == 0

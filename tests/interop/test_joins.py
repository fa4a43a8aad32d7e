"""Joins: records in over Kafka, continuous joins of streams and tables, results in psql and in Kafka."""

from harness import eventually
from records import HOUR, MINUTE, SECOND, START_MS, of_key, produce, read

STREAMS = """
CREATE STREAM clicks (who STRING KEY, page STRING) WITH (KAFKA_TOPIC = 'clicks', VALUE_FORMAT = 'JSON', PARTITIONS = 2);
CREATE STREAM orders (who STRING KEY, item STRING) WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 3);
"""

TABLES = """
CREATE TABLE people (id STRING PRIMARY KEY, name STRING, city STRING) WITH (KAFKA_TOPIC = 'people', VALUE_FORMAT = 'JSON', PARTITIONS = 2);
CREATE TABLE cities (id STRING PRIMARY KEY, country STRING) WITH (KAFKA_TOPIC = 'cities', VALUE_FORMAT = 'JSON', PARTITIONS = 3);
"""


def run(server, statements):
    for statement in filter(None, map(str.strip, statements.split(";"))):
        server.sql(statement)


def becomes(server, query, expected):
    """Waits until a query gives the expected rows."""
    eventually(lambda: server.sql(query) == expected)


def test_a_record_meets_the_row_the_table_has_at_its_time(server):
    run(server, STREAMS + TABLES)
    run(server, """
        CREATE STREAM known AS SELECT clicks.who, page, name FROM clicks JOIN people ON clicks.who = people.id EMIT CHANGES;
        CREATE STREAM all_clicks AS SELECT clicks.who, page, name FROM clicks LEFT JOIN people ON clicks.who = people.id EMIT CHANGES;
    """)
    produce(server, "people", [("a", {"name": "Ann", "city": "x"}, 0)])
    produce(server, "clicks", [("a", {"page": "/1"}, 10), ("b", {"page": "/2"}, 11)])
    becomes(server, "SELECT count(*) FROM all_clicks", [(2,)])
    produce(server, "people", [("a", {"name": "Anna", "city": "x"}, 20), ("b", {"name": "Bob", "city": "y"}, 21)])
    produce(server, "clicks", [("a", {"page": "/3"}, 30), ("b", {"page": "/4"}, 31)])
    becomes(server, "SELECT count(*) FROM all_clicks", [(4,)])
    produce(server, "people", [("a", None, 40)])
    produce(server, "clicks", [("a", {"page": "/5"}, 50)])
    becomes(server, "SELECT who, page, name FROM all_clicks ORDER BY page",
            [("a", "/1", "Ann"), ("b", "/2", None), ("a", "/3", "Anna"), ("b", "/4", "Bob"), ("a", "/5", None)])
    becomes(server, "SELECT page, name FROM known ORDER BY page", [("/1", "Ann"), ("/3", "Anna"), ("/4", "Bob")])
    assert of_key(read(server, "KNOWN"), "a") == [({"PAGE": "/1", "NAME": "Ann"}, 10), ({"PAGE": "/3", "NAME": "Anna"}, 30)]
    assert of_key(read(server, "ALL_CLICKS"), "b") == [({"PAGE": "/2", "NAME": None}, 11), ({"PAGE": "/4", "NAME": "Bob"}, 31)]


def test_records_of_two_streams_meet_within_a_time(server):
    run(server, STREAMS)
    run(server, """
        CREATE STREAM bought AS SELECT c.who AS who, page, item FROM clicks c JOIN orders o WITHIN 10 SECONDS GRACE PERIOD 1 MINUTE ON c.who = o.who EMIT CHANGES;
        CREATE STREAM maybe_bought AS SELECT c.who AS who, page, item FROM clicks c LEFT JOIN orders o WITHIN (0 SECONDS, 10 SECONDS) GRACE PERIOD 5 SECONDS ON c.who = o.who EMIT CHANGES;
    """)
    produce(server, "clicks", [("a", {"page": "/1"}, 0), ("b", {"page": "/2"}, 1 * SECOND), ("c", {"page": "/3"}, 2 * SECOND)])
    produce(server, "orders", [("a", {"item": "tea"}, 5 * SECOND), ("a", {"item": "jam"}, 11 * SECOND), ("b", {"item": "ham"}, 11 * SECOND)])
    becomes(server, "SELECT who, item FROM bought ORDER BY who", [("a", "tea"), ("b", "ham")])
    becomes(server, "SELECT who, item FROM maybe_bought ORDER BY who", [("a", "tea"), ("b", "ham")])
    # The window of c's click ends at 12 s and its grace at 17 s: it is closed by the first later record, of whatever key.
    produce(server, "orders", [("z", {"item": "-"}, 17 * SECOND)])
    produce(server, "orders", [("z", {"item": "-"}, 17 * SECOND + 1)])
    becomes(server, "SELECT who, item FROM maybe_bought ORDER BY who", [("a", "tea"), ("b", "ham"), ("c", None)])
    assert of_key(read(server, "MAYBE_BOUGHT"), "c") == [({"PAGE": "/3", "ITEM": None}, 2 * SECOND)]
    assert of_key(read(server, "BOUGHT"), "a") == [({"PAGE": "/1", "ITEM": "tea"}, 5 * SECOND)]


def test_outer_joins_of_streams_pass_on_both_sides(server):
    run(server, STREAMS)
    run(server, """
        CREATE STREAM everything AS SELECT ROWKEY AS k, c.who, o.who, page, item FROM clicks c FULL OUTER JOIN orders o WITHIN 10 SECONDS GRACE PERIOD 0 SECONDS ON c.who = o.who EMIT CHANGES;
        CREATE STREAM all_orders AS SELECT o.who, page, item FROM clicks c RIGHT JOIN orders o WITHIN 10 SECONDS GRACE PERIOD 0 SECONDS ON c.who = o.who EMIT CHANGES;
    """)
    produce(server, "clicks", [("a", {"page": "/1"}, 0), ("b", {"page": "/2"}, 0)])
    produce(server, "orders", [("b", {"item": "ham"}, 1), ("c", {"item": "tea"}, 2)])
    produce(server, "clicks", [("z", {"page": "-"}, HOUR)])
    expected = {"a": {"C_WHO": "a", "O_WHO": None, "PAGE": "/1", "ITEM": None},
                "b": {"C_WHO": "b", "O_WHO": "b", "PAGE": "/2", "ITEM": "ham"},
                "c": {"C_WHO": None, "O_WHO": "c", "PAGE": None, "ITEM": "tea"}}
    eventually(lambda: {key: value for key, value, _ in read(server, "EVERYTHING")} == expected)
    becomes(server, "SELECT o_who, page, item FROM all_orders ORDER BY 1", [("b", "/2", "ham"), ("c", None, "tea")])


def test_joined_tables_are_a_table(server):
    run(server, """
        CREATE TABLE l (id STRING PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'l', VALUE_FORMAT = 'JSON', PARTITIONS = 2);
        CREATE TABLE r (id STRING PRIMARY KEY, w INT) WITH (KAFKA_TOPIC = 'r', VALUE_FORMAT = 'JSON', PARTITIONS = 3);
        CREATE TABLE inner_rows AS SELECT l.id, v, w FROM l JOIN r ON l.id = r.id EMIT CHANGES;
        CREATE TABLE left_rows AS SELECT l.id, v, w FROM l LEFT JOIN r ON l.id = r.id EMIT CHANGES;
        CREATE TABLE right_rows AS SELECT r.id, v, w FROM l RIGHT JOIN r ON l.id = r.id EMIT CHANGES;
        CREATE TABLE full_rows AS SELECT ROWKEY AS id, v, w FROM l FULL OUTER JOIN r ON l.id = r.id EMIT CHANGES;
    """)

    def rows(inner, left, right, full):
        for name, expected in [("inner_rows", inner), ("left_rows", left), ("right_rows", right), ("full_rows", full)]:
            key = {"left_rows": "l_id", "inner_rows": "l_id", "right_rows": "r_id"}.get(name, "id")
            becomes(server, f"SELECT {key}, v, w FROM {name} ORDER BY 1", expected)

    produce(server, "l", [("a", {"v": 1}, 0), ("b", {"v": 2}, 1)])
    produce(server, "r", [("b", {"w": 20}, 2), ("c", {"w": 30}, 3)])
    a, b, c = ("a", 1, None), ("b", 2, 20), ("c", None, 30)
    rows([b], [a, b], [b, c], [a, b, c])
    produce(server, "r", [("b", None, 4), ("a", {"w": 10}, 5)])
    a, b = ("a", 1, 10), ("b", 2, None)
    rows([a], [a, b], [a, c], [a, b, c])
    produce(server, "l", [("a", None, 6), ("b", None, 7)])
    a = ("a", None, 10)
    rows([], [], [a, c], [a, c])
    produce(server, "r", [("a", None, 8), ("c", None, 9)])
    rows([], [], [], [])
    # Deletes are tombstones under the key of the side that was there, and only where there was a row.
    assert of_key(read(server, "INNER_ROWS"), "a") == [({"V": 1, "W": 10}, 5), (None, 6)]
    assert of_key(read(server, "INNER_ROWS"), "c") == []
    assert of_key(read(server, "FULL_ROWS"), "c") == [({"V": None, "W": 30}, 3), (None, 9)]
    assert of_key(read(server, "RIGHT_ROWS"), "a") == [({"V": 1, "W": 10}, 5), ({"V": None, "W": 10}, 6), (None, 8)]


def test_rows_that_only_a_later_table_has_are_in_a_join_of_three(server):
    run(server, "".join(
        f"CREATE TABLE t{n} (id STRING PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 't{n}', VALUE_FORMAT = 'JSON', PARTITIONS = {n});" for n in (1, 2, 3)))
    run(server, "CREATE TABLE three AS SELECT ROWKEY AS id, t1.v, t2.v, t3.v FROM t1 FULL JOIN t2 ON t1.id = t2.id FULL JOIN t3 ON t1.id = t3.id EMIT CHANGES")
    for n in (1, 2, 3):
        produce(server, f"t{n}", [(key, {"v": n}, n) for key in ("a", "b", "c")[n - 1:]])
    becomes(server, "SELECT id, t1_v, t2_v, t3_v FROM three ORDER BY 1", [("a", 1, None, None), ("b", 1, 2, None), ("c", 1, 2, 3)])
    produce(server, "t1", [("b", None, 10), ("c", None, 10), ("a", None, 10)])
    becomes(server, "SELECT id, t1_v, t2_v, t3_v FROM three ORDER BY 1", [("b", None, 2, None), ("c", None, 2, 3)])


def test_a_table_follows_a_foreign_key(server):
    run(server, TABLES)
    run(server, "CREATE TABLE at_home AS SELECT people.id, name, country FROM people LEFT JOIN cities ON people.city = cities.id EMIT CHANGES")
    produce(server, "cities", [("rome", {"country": "it"}, 0), ("nice", {"country": "fr"}, 0)])
    produce(server, "people", [("a", {"name": "Ann", "city": "rome"}, 1), ("b", {"name": "Bob", "city": "rome"}, 1), ("c", {"name": "Cy", "city": "oslo"}, 1)])
    query = "SELECT people_id, name, country FROM at_home ORDER BY 1"
    becomes(server, query, [("a", "Ann", "it"), ("b", "Bob", "it"), ("c", "Cy", None)])
    produce(server, "people", [("a", {"name": "Ann", "city": "nice"}, 2)])
    produce(server, "cities", [("rome", {"country": "IT"}, 3), ("oslo", {"country": "no"}, 3)])
    becomes(server, query, [("a", "Ann", "fr"), ("b", "Bob", "IT"), ("c", "Cy", "no")])
    produce(server, "people", [("b", None, 4)])
    becomes(server, query, [("a", "Ann", "fr"), ("c", "Cy", "no")])


def test_columns_that_are_no_keys_are_joined_and_the_results_counted(server):
    run(server, TABLES)
    run(server, """
        CREATE STREAM visits (id STRING KEY, city STRING, n INT) WITH (KAFKA_TOPIC = 'visits', VALUE_FORMAT = 'JSON', PARTITIONS = 4);
        CREATE STREAM placed AS SELECT v.id AS visit, v.city, c.country FROM visits v JOIN cities c ON v.city = c.id EMIT CHANGES;
        CREATE TABLE per_country AS SELECT c.country, COUNT(*) AS visits, SUM(v.n) AS n FROM visits v LEFT JOIN cities c ON v.city = c.id GROUP BY c.country EMIT CHANGES;
    """)
    produce(server, "cities", [("rome", {"country": "it"}, 0), ("nice", {"country": "fr"}, 0), ("lyon", {"country": "fr"}, 0)])
    towns = ("rome", "nice", "lyon", "oslo")
    produce(server, "visits", [(f"v{n}", {"city": towns[n % 4], "n": n}, n) for n in range(400)])
    of = {town: list(range(at, 400, 4)) for at, town in enumerate(towns)}
    french = of["nice"] + of["lyon"]
    # Visits without a country have no group.
    becomes(server, "SELECT country, visits, n FROM per_country ORDER BY 1",
            [("fr", len(french), sum(french)), ("it", len(of["rome"]), sum(of["rome"]))])
    becomes(server, "SELECT count(*) FROM placed", [(300,)])
    records = read(server, "PLACED")
    assert {key for key, _, _ in records} == {"rome", "nice", "lyon"}
    assert all(value["COUNTRY"] == "it" for value, _ in of_key(records, "rome"))


def test_joins_go_on_after_a_kill(server):
    run(server, STREAMS + TABLES)
    run(server, """
        CREATE STREAM maybe_bought AS SELECT c.who AS who, page, item FROM clicks c LEFT JOIN orders o WITHIN 10 SECONDS GRACE PERIOD 0 SECONDS ON c.who = o.who EMIT CHANGES;
        CREATE STREAM named AS SELECT clicks.who, page, name FROM clicks LEFT JOIN people ON clicks.who = people.id EMIT CHANGES;
        CREATE TABLE at_home AS SELECT people.id, name, country FROM people JOIN cities ON people.city = cities.id EMIT CHANGES;
    """)
    produce(server, "people", [("a", {"name": "Ann", "city": "rome"}, 0), ("b", {"name": "Bob", "city": "rome"}, 0)])
    becomes(server, "SELECT count(*) FROM at_home", [(0,)])
    produce(server, "clicks", [("a", {"page": "/1"}, 1), ("b", {"page": "/2"}, 2)])
    becomes(server, "SELECT count(*) FROM named", [(2,)])
    server.kill()
    server.start()
    # The left sides of all three are known from before.
    produce(server, "orders", [("a", {"item": "tea"}, 3)])
    produce(server, "clicks", [("b", {"page": "/3"}, 4)])
    produce(server, "cities", [("rome", {"country": "it"}, 5)])
    becomes(server, "SELECT who, page, item FROM maybe_bought ORDER BY page", [("a", "/1", "tea")])
    becomes(server, "SELECT page, name FROM named ORDER BY page", [("/1", "Ann"), ("/2", "Bob"), ("/3", "Bob")])
    becomes(server, "SELECT people_id, country FROM at_home ORDER BY 1", [("a", "it"), ("b", "it")])
    server.kill()
    server.start()
    produce(server, "orders", [("z", {"item": "-"}, MINUTE)])
    becomes(server, "SELECT who, page, item FROM maybe_bought ORDER BY page", [("a", "/1", "tea"), ("b", "/2", None), ("b", "/3", None)])


def test_a_join_that_catches_up_sees_its_sources_in_step(server):
    run(server, STREAMS + TABLES)
    dense = 45_000
    step = 3 * HOUR // dense
    produce(server, "clicks", [("a", {"page": str(n)}, n * step) for n in range(dense)])
    produce(server, "people", [("a", {"name": f"at {hour}", "city": "x"}, hour * HOUR) for hour in range(3)])
    produce(server, "orders", [("a", {"item": str(minute)}, minute * MINUTE) for minute in range(180)])
    run(server, """
        CREATE STREAM named AS SELECT clicks.who, page, name FROM clicks JOIN people ON clicks.who = people.id EMIT CHANGES;
        CREATE STREAM bought AS SELECT c.who AS who, page, item FROM clicks c JOIN orders o WITHIN 0 SECONDS GRACE PERIOD 1 SECOND ON c.who = o.who EMIT CHANGES;
    """)
    eventually(lambda: server.sql("SELECT count(*) FROM named") == [(dense,)])
    per_hour = HOUR // step
    assert server.sql("SELECT name, count(*) FROM named GROUP BY name ORDER BY name") == [(f"at {hour}", per_hour) for hour in range(3)]
    # A record of each stream meets the one of the other at the same instant, though one of them has far fewer.
    instants = {n * step for n in range(dense)} & {minute * MINUTE for minute in range(180)}
    becomes(server, "SELECT count(*) FROM bought", [(len(instants),)])


def test_the_time_of_a_result_can_be_a_column(server):
    run(server, STREAMS + TABLES)
    run(server, """
        CREATE STREAM timed (who STRING KEY, moment BIGINT) WITH (KAFKA_TOPIC = 'timed', VALUE_FORMAT = 'JSON', PARTITIONS = 1);
        CREATE STREAM named WITH (TIMESTAMP = 'moment') AS SELECT timed.who, moment, name FROM timed LEFT JOIN people ON timed.who = people.id EMIT CHANGES;
    """)
    produce(server, "timed", [("a", {"moment": START_MS + 77}, 5)])
    eventually(lambda: read(server, "NAMED") == [("a", {"MOMENT": START_MS + 77, "NAME": None}, 77)])
    assert server.sql("SELECT rowtime FROM named") == [(START_MS + 77,)]

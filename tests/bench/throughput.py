"""How fast a continuous query takes in what the log holds, beside DataFusion on the same records.

    python tests/bench/throughput.py [--records N] [--rounds N] [--minutes N]

Records of about 240 bytes of JSON with 7 fields go through the Kafka port into a topic of 4 partitions, and
as lines into 2 files. Every round then runs each statement in the server (from its CREATE until all records
are taken in and committed) and in DataFusion (2 partitions), one after the other; the ratio is of one round.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluent_kafka import Producer
from datafusion import SessionConfig, SessionContext

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
from harness import Server  # noqa: E402

PARTITIONS = 4
FILES = 2
KEYS = 10_000
START_MS = 1_700_000_000_000 // 60_000 * 60_000

COLUMNS = "customer STRING, product BIGINT, price DOUBLE, quantity INT, address STRING, note STRING, sent BIGINT"

WORK = {
    "filter and projection": (
        "CREATE STREAM {name} AS SELECT customer, product, price * quantity AS amount FROM events WHERE quantity < 5 EMIT CHANGES",
        "SELECT customer, product, price * quantity AS amount FROM events WHERE quantity < 5",
        "STREAM",
    ),
    "count and sum per minute": (
        "CREATE TABLE {name} AS SELECT customer, COUNT(*) AS n, SUM(product) AS total FROM events"
        " WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY customer EMIT CHANGES",
        "SELECT customer, sent / 60000 AS minute, COUNT(*) AS n, SUM(product) AS total FROM events GROUP BY customer, sent / 60000",
        "TABLE",
    ),
}


def values(count, span_ms):
    """JSON texts with their event times, in the order of time."""
    chance = random.Random(7)
    note = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz    ", k=100))
    for number in range(count):
        at = START_MS + number * span_ms // count
        customer = chance.randrange(KEYS)
        yield at, (
            f'{{"customer":"customer-{customer:05d}","product":{number % 997},"price":{number % 10_000 / 100},'
            f'"quantity":{number % 10},"address":"{customer % 250} Harbour Street, Dock {number % 40:02d}",'
            f'"note":"{note}","sent":{at}}}'
        )


def load(server, directory, count, span_ms):
    """Puts the records into the server's log and into files; gives their mean size."""
    producer = Producer({"bootstrap.servers": server.kafka, "acks": "all", "linger.ms": 20, "batch.num.messages": 10_000,
                         "queue.buffering.max.messages": 1_000_000})
    files = [open(directory / f"{number}.json", "w", buffering=1 << 20) for number in range(FILES)]
    size = 0
    for number, (at, value) in enumerate(values(count, span_ms)):
        size += len(value)
        files[number * FILES // count].write(value + "\n")
        while True:
            try:
                producer.produce("events", value=value, partition=number % PARTITIONS, timestamp=at)
                break
            except BufferError:
                producer.poll(0.05)
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
    for file in files:
        file.close()
    return size / count


def row_of(connection, statement, name):
    """The row of a SHOW statement that has the name in one of its cells."""
    cursor = connection.execute(statement)
    names = [column.name for column in cursor.description]
    return next((dict(zip(names, row)) for row in cursor if name in row), None)


def server_seconds(server, name, statement, kind, count):
    """From the statement until all records are taken in and what they give is in the log for all to read."""
    with server.connect() as connection:
        begun = time.monotonic()
        connection.execute(statement.format(name=name))
        while (query := row_of(connection, "SHOW QUERIES", name))["records_in"] < count:
            time.sleep(0.005)
        while row_of(connection, "SHOW TOPICS", name.upper())["records"] < query["rows_out"]:
            query = row_of(connection, "SHOW QUERIES", name)
            time.sleep(0.005)
        seconds = time.monotonic() - begun
        connection.execute(f"DROP {kind} {name} DELETE TOPIC")
        return seconds


def datafusion_seconds(directory, statement):
    """Reads the files and takes every batch of the result, of all partitions side by side."""
    context = SessionContext(SessionConfig().with_target_partitions(FILES))
    context.register_json("events", str(directory))
    begun = time.monotonic()
    with ThreadPoolExecutor() as threads:
        streams = context.sql(statement).execute_stream_partitioned()
        for taken in [threads.submit(sum, (1 for _ in batches)) for batches in streams]:
            taken.result()
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=10, help="event time that the records span")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        directory = Path(directory)
        (directory / "lines").mkdir()
        server = Server(directory).start()
        server.sql(f"CREATE STREAM events ({COLUMNS}) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = {PARTITIONS})")
        size = load(server, directory / "lines", given.records, given.minutes * 60_000)
        print(f"{given.records} records, {size:.0f} bytes each, {PARTITIONS} partitions, {given.minutes} minutes")
        for title, (continuous, once, kind) in WORK.items():
            rates, others, ratios = [], [], []
            for round_number in range(given.rounds):
                ours = given.records / server_seconds(server, f"work_{round_number}", continuous, kind, given.records)
                theirs = given.records / datafusion_seconds(directory / "lines", once)
                rates.append(ours / 1e6)
                others.append(theirs / 1e6)
                ratios.append(ours / theirs)
            figures = [f"{min(x):.2f} / {statistics.median(x):.2f} / {max(x):.2f}" for x in (rates, others, ratios)]
            print(f"{title}: {figures[0]} M records/s; DataFusion {figures[1]} M records/s; ratio {figures[2]} (min / median / max)", flush=True)
        server.kill()


if __name__ == "__main__":
    main()

"""How soon a server is ready again after kill -9, with a million keys of state.

    python tests/bench/restart.py [--keys N] [--kills N]

Ready is: the ports accept, /readyz says so, and every query runs.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
from harness import Server  # noqa: E402

STATEMENTS = [
    "CREATE STREAM events (id BIGINT, amount BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 4)",
    "CREATE TABLE totals AS SELECT id, COUNT(*) AS records, SUM(amount) AS total FROM events GROUP BY id EMIT CHANGES",
    "CREATE STREAM passed AS SELECT id, amount FROM events WHERE amount > 90 EMIT CHANGES",
]
QUERIES = 2


def load(server, keys):
    """One event a key, and then waits until all of them are state."""
    producer = Producer({"bootstrap.servers": server.kafka, "linger.ms": 20, "batch.num.messages": 10_000, "queue.buffering.max.messages": 500_000})
    for key in range(keys):
        value = f'{{"id": {key}, "amount": {key % 100}}}'
        while True:
            try:
                producer.produce("events", value=value, partition=key % 4)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(300) == 0
    while server.metric("tidemill_query_records_in_total", "TOTALS") < keys:
        time.sleep(0.1)
    while server.sql("SELECT count(*) FROM totals")[0][0] < keys:
        time.sleep(0.2)


def ready_after(server, ports):
    """Milliseconds from the start of the process until the ports accept, and until everything is ready."""
    begun = time.monotonic()
    server.start(ports)
    accepting = time.monotonic()
    while server.http("/readyz")[0] != 200 or server.metric("tidemill_query_running") < QUERIES:
        time.sleep(0.005)
    ready = time.monotonic()
    return (accepting - begun) * 1_000, (ready - begun) * 1_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    accepting, ready = [], []
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        server = Server(directory).start()
        for statement in STATEMENTS:
            server.sql(statement)
        load(server, given.keys)
        ports = dict(server.ports)
        for _ in range(given.kills):
            server.kill()
            times = ready_after(server, ports)
            accepting.append(times[0])
            ready.append(times[1])
        count, records = server.sql("SELECT count(*), sum(records) FROM totals")[0]
        assert (count, records) == (given.keys, given.keys), f"{count} keys, {records} records"
        server.kill()
    print(f"{given.keys} keys of state, {given.kills} kills (min / median / max):")
    for title, times in (("ports accept", accepting), ("everything ready", ready)):
        print(f"  {title} after {min(times):.0f} / {statistics.median(times):.0f} / {max(times):.0f} ms")


if __name__ == "__main__":
    main()

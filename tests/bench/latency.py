"""From the produce call to the row of a push query, at a steady rate.

    python tests/bench/latency.py [--rate N] [--seconds N]

A producer with acks=all (its other settings as they come) writes at the given rate while a filter and a
windowed count run; a Postgres client reads `SELECT … FROM filtered EMIT CHANGES` row by row.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
from harness import Server  # noqa: E402

# Left out at the beginning: connections and first epochs are not the steady state.
WARM_UP_S = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, default=1_000, help="records per second")
    parser.add_argument("--seconds", type=int, default=20)
    given = parser.parse_args()
    count = given.rate * given.seconds
    produced, delays_ms = [0.0] * count, []
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        server = Server(directory).start()
        server.sql("CREATE STREAM events (n BIGINT, device STRING, measured DOUBLE) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 4)")
        server.sql("CREATE STREAM filtered AS SELECT n, device, measured FROM events WHERE measured >= 0 EMIT CHANGES")
        server.sql("CREATE TABLE counted AS SELECT device, COUNT(*) AS n FROM events WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY device EMIT CHANGES")
        reading = threading.Event()

        def read():
            with server.connect() as connection:
                cursor = connection.cursor()
                reading.set()
                for number, in cursor.stream(f"SELECT n FROM filtered EMIT CHANGES LIMIT {count}"):
                    delays_ms.append((number, (time.perf_counter() - produced[number]) * 1_000))

        reader = threading.Thread(target=read)
        reader.start()
        reading.wait()
        time.sleep(0.5)
        producer = Producer({"bootstrap.servers": server.kafka, "acks": "all"})
        begun = time.perf_counter()
        for number in range(count):
            due = begun + number / given.rate
            while (left := due - time.perf_counter()) > 0:
                producer.poll(min(left, 0.001))
            value = json.dumps({"n": number, "device": f"device-{number % 100}", "measured": number % 50})
            produced[number] = time.perf_counter()
            producer.produce("events", key=str(number), value=value)
        producer.flush(30)
        reader.join(30)
        assert len(delays_ms) == count, f"{len(delays_ms)} of {count} rows came"
        steady = sorted(delay for number, delay in delays_ms if number >= WARM_UP_S * given.rate)
        at = {share: steady[min(len(steady) - 1, int(len(steady) * share))] for share in (0.5, 0.9, 0.99, 0.999)}
        print(f"{given.rate} records/s for {given.seconds} s, produce call to row: "
              + ", ".join(f"p{share * 100:g} {delay:.1f} ms" for share, delay in at.items()) + f", max {steady[-1]:.1f} ms")
        server.kill()


if __name__ == "__main__":
    main()

"""The demo: looked at from outside while it runs, as its own words say."""

import json
import re
import subprocess
import threading

from confluent_kafka import Consumer, TopicPartition

import psycopg
import pytest

from harness import PATIENCE_S, binary, eventually

# Long enough to look at everything on a slow machine; the tests end it themselves when they are done.
DURATION = "120s"


class Demo:
    """A running demo, and the addresses it told."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [binary(), "demo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.shown = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        eventually(lambda: "Ctrl-C ends the demo" in self.shown or self.process.poll() is not None)
        host, port = re.search(r"postgres://([\d.]+):(\d+)", self.shown).groups()
        self.dsn = f"host={host} port={port} user=tester dbname=tidemill"
        self.kafka = re.search(r"kcat -b (\S+)", self.shown).group(1)

    def _read(self):
        for line in self.process.stdout:
            self.shown += line

    def sql(self, statement):
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else None


@pytest.fixture
def demo(tmp_path):
    running = Demo("--for", DURATION, "--data-dir", str(tmp_path / "data"))
    yield running
    running.process.kill()
    running.process.wait()


def test_the_demo_ends_by_itself_when_its_time_is_over():
    demo = Demo("--for", "2s")
    assert demo.process.wait(PATIENCE_S) == 0
    assert demo.process.stderr.read() == ""


def test_the_first_picture_shows_what_was_measured_and_what_still_is(demo):
    eventually(lambda: "Latest alerts" in demo.shown)
    processor, processes = (demo.shown.split(heading)[1] for heading in ["Processor, in windows of 5 s", "Busiest processes"])
    assert re.match(r"\n core +\| busy +\| peak *\n[-+]+\n cpu", processor)
    assert re.match(r"\n pid +\| name +\| cpu +\| mib *\n[-+]+\n +\d+ ", processes)
    rates = demo.shown.split("\nDisks\n")[1].split("\nBusiest processes\n")[0]
    assert "–" not in rates


def test_the_machines_metrics_arrive_and_are_counted_in_windows(demo):
    for table in ["cpu_load", "top_processes"]:
        eventually(lambda table=table: demo.sql(f"SELECT count(*) FROM {table}")[0][0] > 0)
    core, busy = eventually(lambda: demo.sql("SELECT core, busy_percent FROM cpu_load LIMIT 1"))[0]
    assert core.startswith("cpu") and 0 <= busy <= 100
    consumer = Consumer({"bootstrap.servers": demo.kafka, "group.id": "look", "enable.auto.commit": False})
    consumer.assign([TopicPartition("demo_memory", 0, 0)])
    message = eventually(lambda: consumer.poll(0.2))
    assert message.error() is None and json.loads(message.value())["total_bytes"] > 0
    consumer.close()


def test_a_threshold_that_is_set_while_it_runs_gives_alerts(demo):
    eventually(lambda: demo.sql("SELECT count(*) FROM readings WHERE metric = 'memory_percent'")[0][0] > 0)
    assert demo.sql("SELECT maximum FROM thresholds WHERE metric = 'memory_percent'") == [(90.0,)]
    # No machine that runs this uses less of its memory.
    demo.sql("INSERT INTO thresholds (metric, maximum) VALUES ('memory_percent', 0.0)")
    alert = eventually(
        lambda: demo.sql("SELECT device, measured, maximum FROM alerts WHERE metric = 'memory_percent' AND maximum = 0")
    )[0]
    assert alert[0] == "memory" and alert[1] > 0
    eventually(lambda: "memory_percent" in demo.shown)


def test_ctrl_c_ends_the_demo_in_order(demo):
    demo.process.send_signal(2)
    assert demo.process.wait(PATIENCE_S) == 0
    assert demo.process.stderr.read() == ""

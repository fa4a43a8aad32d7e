"""kcat, the tool people have at hand; its librdkafka is an old one."""

import json
import shutil
import subprocess

import pytest

from harness import PATIENCE_S

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")


@pytest.fixture
def kcat(bootstrap):
    """Runs kcat; gives its standard output."""

    def kcat(*arguments, text=""):
        command = ["kcat", "-b", bootstrap, *arguments]
        ran = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE_S)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return kcat


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(kcat, topic, codec):
    lines = "".join(f"line {number}\n" for number in range(1000))
    kcat("-P", "-t", topic, "-z", codec, text=lines)
    assert kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q") == lines


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_an_old_client_compresses(kcat, topic, admin, codec):
    """Compressed, the lines fit under a limit that they exceed as they are."""
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    limit = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[limit])
    admin.incremental_alter_configs([resource])[resource].result(PATIENCE_S)
    line = "x" * 100_000 + "\n"
    kcat("-P", "-t", topic, "-z", codec, text=line)
    assert kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q") == line


def test_keys_headers_and_nulls(kcat, topic):
    kcat("-P", "-t", topic, "-K", ":", "-H", "a=1", "-H", "a=2", "-Z", text="key:value\ngone:\n")
    found = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k|%s|%S|%h\n")
    assert found == "key|value|5|a=1,a=2\ngone||-1|a=1,a=2\n"


def test_the_cluster_is_listed(kcat, topic, bootstrap):
    listed = json.loads(kcat("-L", "-J"))
    [broker] = listed["brokers"]
    assert broker["name"].rsplit(":", 1)[1] == bootstrap.rsplit(":", 1)[1]
    assert topic in [entry["topic"] for entry in listed["topics"]]


def test_offsets_are_found_by_time(kcat, topic, producer):
    for time_ms in [1000, 2000, 3000]:
        producer.produce(topic, value=b"v", timestamp=time_ms)
    assert producer.flush(PATIENCE_S) == 0
    assert kcat("-Q", "-t", f"{topic}:0:2000").split()[-2:] == ["offset", "1"]


def test_a_group_consumes(bootstrap, kcat, topic, name):
    kcat("-P", "-t", topic, text="one\ntwo\n")
    command = ["kcat", "-b", bootstrap, "-G", name, "-X", "auto.offset.reset=earliest", "-c", "2", topic]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert ran.stdout == "one\ntwo\n", ran.stderr

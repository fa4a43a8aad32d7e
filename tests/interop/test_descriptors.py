"""A server that may open no more files: it waits for better times, and takes clients again when they come."""

import os
import re
import resource
import socket

from confluent_kafka.admin import AdminClient

import pytest

from harness import PATIENCE_S, eventually

# Connections beyond what the server can accept.
TOO_MANY = 12


@pytest.mark.parametrize("door", ["postgres", "kafka", "http"])
def test_a_door_without_descriptors_accepts_again_when_there_are_some(server, door):
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + 4, before[1]))
    clients = [socket.create_connection(("127.0.0.1", server.ports[door])) for _ in range(TOO_MANY)]
    told = server.directory / "stderr"
    eventually(lambda: re.search(rf"could not accept a connection.*{door}.*Too many open files", told.read_text()))
    for client in clients:
        client.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert server.sql("SELECT 1") == [(1,)]
    assert server.http("/healthz") == (200, "ok\n")
    assert AdminClient({"bootstrap.servers": server.kafka}).list_topics(timeout=PATIENCE_S).brokers
    assert server.stop() == 0

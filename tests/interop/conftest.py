"""Servers for the clients' tests."""

import tempfile

import pytest

from harness import Server


@pytest.fixture
def server():
    """A server that the test may kill and restart."""
    with tempfile.TemporaryDirectory(prefix="tidemill-test-") as directory:
        server = Server(directory).start()
        yield server
        if server.process.poll() is None:
            server.kill()


@pytest.fixture(scope="session")
def shared_server():
    """A server for tests that leave it as it is."""
    with tempfile.TemporaryDirectory(prefix="tidemill-test-") as directory:
        server = Server(directory).start()
        yield server
        assert server.process.poll() is None, "the server ended: " + (server.directory / "stderr").read_text()
        assert server.stop() == 0, "SIGTERM ends it well"

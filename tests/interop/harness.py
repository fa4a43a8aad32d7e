"""A server of its own for the clients' tests: started on free ports, in a directory that goes afterwards.

TIDEMILL_BINARY names the program; without it the one that cargo built is taken.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import psycopg

# Until something that should happen must have happened. Generous: a slow machine is no failure.
PATIENCE_S = 30


def binary():
    given = os.environ.get("TIDEMILL_BINARY")
    if given:
        return given
    target = os.environ.get("CARGO_TARGET_DIR") or pathlib.Path(__file__).parents[2] / "target"
    return str(pathlib.Path(target) / "release" / "tidemill")


class Server:
    """One server on one data directory, across kills and restarts."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = None
        self.ports = None

    def launch(self, ports=None):
        """Starts it, on the given ports or on free ones, without waiting; gives the file its ports will be in."""
        ports = ports or {"postgres": 0, "kafka": 0, "http": 0}
        ports_file = self.directory / "ports.json"
        ports_file.unlink(missing_ok=True)
        command = [binary(), "serve", "--data-dir", str(self.directory / "data"), "--ports-file", str(ports_file)]
        for door, port in ports.items():
            command += [f"--{door}", f"127.0.0.1:{port}"]
        with open(self.directory / "stderr", "ab") as stderr:
            self.process = subprocess.Popen(command, stderr=stderr)
        return ports_file

    def start(self, ports=None):
        """Starts it, on the given ports or on free ones, and waits until it accepts."""
        ports_file = self.launch(ports)
        deadline = time.monotonic() + PATIENCE_S
        while not ports_file.exists():
            assert self.process.poll() is None, (self.directory / "stderr").read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        self.ports = json.loads(ports_file.read_text())
        return self

    def kill(self):
        """Ends it as a power button would, as far as a process can be."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Asks it to end; gives its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def memory_kib(self, what):
        """What the kernel says of its memory: VmRSS for now, VmHWM for the most since `forget_peak`."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what + ":"))

    def forget_peak(self):
        """Lets the most memory count from now on."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def kafka(self):
        return f"127.0.0.1:{self.ports['kafka']}"

    @property
    def dsn(self):
        return f"host=127.0.0.1 port={self.ports['postgres']} user=tester dbname=tidemill"

    def connect(self):
        return psycopg.connect(self.dsn, autocommit=True)

    def http(self, path):
        """The answer to a GET: its status and its text."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}{path}", timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name, label=""):
        """The sum of a metric's samples whose labels hold a text."""
        samples = (line.rsplit(" ", 1) for line in self.http("/metrics")[1].splitlines() if line.startswith(name))
        return sum(float(value) for labels, value in samples if label in labels)

    def sql(self, statement, *parameters):
        """Runs one statement; gives its rows, if it has any."""
        with self.connect() as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else None


def eventually(condition):
    """Waits until a condition gives something; gives that."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)

"""The REPL as people use it: in a terminal, against a server or with a data directory of its own."""

import subprocess

import pytest

from harness import PATIENCE_S, binary
from terminal import PROMPT, Terminal

@pytest.fixture(params=["server", "directory"])
def where(request, tmp_path):
    """The options that say who answers: a server, or a data directory opened by the REPL."""
    if request.param == "server":
        server = request.getfixturevalue("server")
        return ["--connect", f"postgres://127.0.0.1:{server.ports['postgres']}"]
    return ["--data-dir", str(tmp_path / "data")]


@pytest.fixture
def repl(where, tmp_path):
    """Opens the REPL in a terminal and waits for its prompt."""
    opened = []

    def open_repl(*arguments):
        terminal = Terminal([binary(), "sql", *(arguments or where)], tmp_path)
        opened.append(terminal)
        terminal.expect(PROMPT)
        return terminal

    yield open_repl
    for terminal in opened:
        terminal.__exit__()


@pytest.fixture
def run(where, tmp_path):
    """Runs the REPL without a terminal; gives its exit code, its output and its complaints."""

    def run_repl(*arguments, typed=""):
        finished = subprocess.run(
            [binary(), "sql", *where, *arguments],
            input=typed, capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path,
        )
        return finished.returncode, finished.stdout, finished.stderr

    return run_repl

"""A program in a pseudo terminal: what a user types goes in, what a user sees comes out."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from harness import PATIENCE_S

# Colours and movements of the cursor; one that has only begun is left out too.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r|\x1b\[?[0-9;?]*$")
ROWS, COLUMNS = 40, 160

CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"

PROMPT = "tidemill> "


class Terminal:
    """A running program whose terminal is ours."""

    def __init__(self, command, home):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMILL_", "XDG_"))}
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, "TERM": "xterm-256color", "HOME": str(home)},
            # A session of its own with this terminal: only then does Ctrl-C become a signal.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.terminal = ours
        self.raw = b""
        # Characters of `shown` that were looked at.
        self.seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.terminal)

    @property
    def shown(self):
        """All that was written so far, without colours and movements of the cursor."""
        return ESCAPES.sub("", self.raw.decode(errors="ignore"))

    def press(self, keys):
        """Sends keys, one by one as far as the program can tell."""
        os.write(self.terminal, keys.encode())

    def enter(self, text):
        """Pastes a text, which is drawn once, and presses the enter key."""
        self.press(f"\x1b[200~{text}\x1b[201~\r")

    def answer(self, text):
        """Enters a text; gives what is shown until the next prompt."""
        self.enter(text)
        last = re.escape(text.splitlines()[-1])
        return self.expect(rf"{last}\s*?\n(.*?)^{PROMPT}").group(1)

    def expect(self, pattern):
        """Waits until this is shown, behind what was expected before; gives the match."""
        pattern = re.compile(pattern, re.DOTALL | re.MULTILINE)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = pattern.search(self.shown, self.seen)
            if found:
                self.seen = found.end()
                return found
            more = self._read(deadline - time.monotonic())
            assert more, f"{pattern.pattern} was not shown: {self.shown[self.seen :]}"

    def ended(self):
        """Waits for the end; gives the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self, patience_s):
        """Takes what was written; False when there is nothing more to come, or not in time."""
        if patience_s <= 0 or not select.select([self.terminal], [], [], patience_s)[0]:
            return False
        try:
            read = os.read(self.terminal, 65536)
        except OSError:
            # The other side is closed: the program has ended.
            return False
        self.raw += read
        return bool(read)

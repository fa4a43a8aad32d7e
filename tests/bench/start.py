"""How soon an empty server accepts on all its ports, and what it holds in memory when idle.

    python tests/bench/start.py [--starts N]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))
from harness import Server  # noqa: E402

# Memory is read when start-up work is over.
IDLE_S = 2


def resident_mib(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=10)
    given = parser.parse_args()
    first, second, resident = [], [], []
    for _ in range(given.starts):
        with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
            for times in (first, second):
                begun = time.monotonic()
                server = Server(directory).start()
                times.append((time.monotonic() - begun) * 1_000)
                if times is first and len(resident) < 3:
                    time.sleep(IDLE_S)
                    resident.append(resident_mib(server.process))
                server.stop()
    for title, times in (("empty directory", first), ("second start", second)):
        print(f"{title}: ports accept after {min(times):.0f} / {statistics.median(times):.0f} / {max(times):.0f} ms (min / median / max)")
    print(f"idle: {max(resident):.0f} MiB resident")


if __name__ == "__main__":
    main()

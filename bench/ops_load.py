"""What a desk feels of people looking at it: the ops plane's reads saturate one core, the desk has the other.

    python bench/ops_load.py [--quick] [--rounds 10] [--seconds 4]

A paper desk runs by itself in its loop, pinned to one core; `quarterdeck ops` and its readers share the other one. In
each round the desk is left alone for some seconds, and read for as many: by a few connections that ask for its state,
positions, orders and health, each as soon as it has its answer, and by one that scrapes the metrics every second, more
often than a Prometheus does. A turn of the desk's loop that took something in is timed in the desk itself: from the
quotes' arrival to the journal.

`ratio` is the median over the rounds of (median turn with readers / median turn without), `ratio_p99` the same of the
99th percentiles, `ratio_cpu` of a turn's processor time, which a busy machine falsifies less. `api_p99_ms` is over all
requests; `api_busy` the share of its core that was used: far below 1, somebody else had it, and the figures say
nothing. `cpu_ms_by_path` is what one answer costs the plane, asked for one after the other. Last line: one JSON object.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from ops_kill import DESK_TOML

ROUNDS, QUICK_ROUNDS = 10, 2
RATIO, P99_MS = 1.10, 50.0
CONNECTIONS = 4
SCRAPE_S = 1.0
ALONE = 100  # requests to each path, for what one costs
PATIENCE_S = 300.0
TOKEN_VARIABLE = "OPS_API_TOKEN"
PATHS = (
    "/desks/{desk}/status",
    "/desks/{desk}/api/trading/positions",
    "/desks/{desk}/api/trading/orders",
    "/desks/{desk}/api/trading/status",
    "/healthz",
    "/metrics",
)
CALL = (sys.executable, "-c", "import quarterdeck.cli.ops; from quarterdeck.cli import main; main()")


def desk_process(folder: Path, core: int) -> None:
    """The desk, until its standard input ends; then it writes when each busy turn began and how long it took."""
    os.sched_setaffinity(0, {core})
    from quarterdeck.config import load_desk
    from quarterdeck.desk.loop import run_session
    from quarterdeck.desk.paper import PaperSession, SessionOptions
    from quarterdeck.desk.place import DeskPlace
    from tests.desk.builders import Quoter

    config = load_desk(folder)
    session = PaperSession(config, DeskPlace(folder), SessionOptions(sources=[Quoter], speed=20.0))
    took: list[tuple[int, int, int]] = []
    pump = session.pump

    def timed() -> None:
        events = int(session.desk.states[0]["events"]) if took else 0
        began, worked = time.monotonic_ns(), time.thread_time_ns()
        pump()
        ended, worked = time.monotonic_ns(), time.thread_time_ns() - worked
        if int(session.desk.states[0]["events"]) != events:
            took.append((began, ended - began, worked))

    session.pump = timed  # type: ignore[method-assign]  # the one place where it is measured
    stdin = sys.stdin.fileno()
    os.set_blocking(stdin, False)

    def each() -> None:
        if os.read(stdin, 1) == b"" if _readable(stdin) else False:
            session.stopping = True

    run_session(session, None, each=each)
    np.save(folder / "turns.npy", np.array(took, np.int64))


def _readable(handle: int) -> bool:
    import select

    return bool(select.select([handle], [], [], 0)[0])


class Readers:
    """Connections that ask for one thing after the other, as fast as they are answered. A process of its own."""

    def __init__(self, port: int, token: str, desk: str) -> None:
        self.port = port
        self.requests = [
            f"GET {path.format(desk=desk)} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-OPS-TOKEN: {token}\r\n\r\n".encode()
            for path in PATHS
        ]
        self.took: list[float] = []
        self.by_path: dict[str, list[float]] = {path: [] for path in PATHS}
        self.failed = 0

    async def one(self, ends: float, offset: int, pause_s: float = 0.0) -> None:
        """Asks for one thing after the other; with a pause it scrapes the last of them alone."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        turn = offset
        while time.monotonic() < ends:
            place = len(PATHS) - 1 if pause_s else turn % (len(PATHS) - 1)
            turn += 1
            began = time.monotonic()
            writer.write(self.requests[place])
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
            await reader.readexactly(int(fields[b"content-length"]))
            took = time.monotonic() - began
            self.took.append(took)
            self.by_path[PATHS[place]].append(took)
            self.failed += not head.startswith(b"HTTP/1.1 200")
            if pause_s:
                await asyncio.sleep(max(0.0, min(pause_s - took, ends - time.monotonic())))
        writer.close()
        await writer.wait_closed()

    async def run(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        await asyncio.gather(*(self.one(ends, offset) for offset in range(CONNECTIONS)), self.one(ends, 0, SCRAPE_S))

    async def alone(self, place: int, count: int) -> None:
        """Asks for one path, one request after the other."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in range(count):
            writer.write(self.requests[place])
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
            await reader.readexactly(int(fields[b"content-length"]))
        writer.close()
        await writer.wait_closed()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(holds: Any, process: "subprocess.Popen[bytes]", what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{what} did not come up: exit code {process.poll()}")
        time.sleep(0.1)


def answers(port: int, token: str, path: str) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-OPS-TOKEN": token})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def measure(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))
    own, other = cores[0], cores[-1]
    place = folder / "crowded"
    place.mkdir()
    (place / "desk.toml").write_text(DESK_TOML.replace('capacity = "large"', 'capacity = "small"'))
    port, token = free_port(), secrets.token_urlsafe(32)
    (folder / "ops.toml").write_text(f'[ops]\ndesks = ["crowded"]\n[[listen]]\nport = {port}\n')
    environment = {**os.environ, "QUARTERDECK_CAPACITY": "small", TOKEN_VARIABLE: token}
    argv = [sys.executable, __file__, "--child", "--folder", str(place), "--core", str(own)]
    desk = subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment)
    os.sched_setaffinity(0, {other})
    with (folder / "ops.said").open("wb") as said:
        plane = subprocess.Popen([*CALL, "ops", str(folder)], stdout=said, stderr=said, env=environment)
    try:
        wait_for((place / "data" / "shown").exists, desk, "the desk")
        for path in PATHS:
            wait_for(lambda path=path: answers(port, token, path.format(desk="crowded")), plane, f"{path} of the API")
        return rounds_of(Readers(port, token, "crowded"), desk, plane, place, rounds, seconds)
    finally:
        plane.terminate()
        if desk.poll() is None:
            assert desk.stdin is not None
            desk.stdin.close()
        plane.wait(60)
        desk.wait(60)
        os.sched_setaffinity(0, set(cores))


def rounds_of(readers: Readers, desk: Any, plane: Any, place: Path, rounds: int, seconds: float) -> dict[str, Any]:
    phases: list[tuple[int, int, int]] = []  # what it was (1: read), begin, end
    asyncio.run(readers.run(2.0))  # both sides warm up
    readers.took.clear()
    for path in PATHS:
        readers.by_path[path].clear()
    busy = 0.0
    for number in range(rounds):
        for loaded in (number % 2, 1 - number % 2):
            begin, before = time.monotonic_ns(), cpu_s(plane.pid) + time.process_time()
            if loaded:
                asyncio.run(readers.run(seconds))
                busy += cpu_s(plane.pid) + time.process_time() - before
            else:
                time.sleep(seconds)
            phases.append((loaded, begin, time.monotonic_ns()))
    costs: dict[str, float] = {}
    for place_of, path in enumerate(PATHS):
        before = cpu_s(plane.pid)
        asyncio.run(readers.alone(place_of, ALONE))
        costs[path] = round((cpu_s(plane.pid) - before) / ALONE * 1e3, 2)
    desk.stdin.close()
    desk.wait(PATIENCE_S)
    turns = np.load(place / "turns.npy")
    took: dict[int, list[Any]] = {0: [], 1: []}
    worked: dict[int, list[Any]] = {0: [], 1: []}
    for loaded, begin, end in phases:
        inside = turns[(turns[:, 0] >= begin) & (turns[:, 0] < end)]
        took[loaded].append(inside[:, 1] / 1e3)
        worked[loaded].append(inside[:, 2] / 1e3)
    pairs = [(with_, alone) for with_, alone in zip(took[1], took[0], strict=True) if len(with_) and len(alone)]
    if len(pairs) < rounds:
        sys.exit(f"in {rounds - len(pairs)} of {rounds} rounds the desk did not have its core: the machine is too busy")
    line: dict[str, Any] = {"turns": int(sum(len(part) for both in pairs for part in both))}
    for name, share in (("ratio", 50), ("ratio_p99", 99)):
        ratios = [float(np.percentile(with_, share) / np.percentile(alone, share)) for with_, alone in pairs]
        line[name] = round(statistics.median(ratios), 3)
        line[f"{name}s"] = [round(ratio, 3) for ratio in ratios]
    in_cpu = [float(np.median(with_) / np.median(alone)) for with_, alone in zip(worked[1], worked[0], strict=True)]
    line["ratio_cpu"] = round(statistics.median(in_cpu), 3)
    for name, parts in (("read", took[1]), ("alone", took[0])):
        whole = np.concatenate(parts)
        line[f"turn_us_{name}"] = {f"p{share}": round(float(np.percentile(whole, share)), 1) for share in (50, 99)}
    line["api_requests"] = len(readers.took)
    line["api_failed"] = readers.failed
    line["api_p50_ms"], line["api_p99_ms"] = (round(float(np.percentile(readers.took, q)) * 1e3, 2) for q in (50, 99))
    line["api_p99_ms_by_path"] = {
        path: round(float(np.percentile(parts, 99)) * 1e3, 2) for path, parts in readers.by_path.items() if parts
    }
    line["cpu_ms_by_path"] = costs
    line["api_busy"] = round(busy / (rounds * seconds), 2)
    return line


def cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    if asked.child:
        desk_process(asked.folder, asked.core)
        return 0
    load = os.getloadavg()[0]
    rounds, seconds = (QUICK_ROUNDS, 2.0) if asked.quick else (asked.rounds, asked.seconds)
    with tempfile.TemporaryDirectory(prefix="quarterdeck-load-") as name:
        line = measure(Path(name), rounds, seconds)
    line = {"ok": line["api_failed"] == 0, "load1": load, "cores": len(os.sched_getaffinity(0)), **line}
    line["met"] = line["ratio"] <= RATIO and line["api_p99_ms"] <= P99_MS
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())

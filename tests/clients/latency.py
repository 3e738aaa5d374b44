#!/usr/bin/env python3
"""What HTTP costs: latency.py NEWBIE [TURNS=50]

How long /health takes while all cores draw, how much longer a picture takes over HTTP than inside the process, and what
twenty listeners and what previews cost the job they watch. Prints figures, and compares none with a clock: machines differ, and their
neighbours do. To be read on a machine that does nothing else.
"""

from __future__ import annotations

import http.client
import os
import pathlib
import select
import socket
import statistics
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Server, ask  # noqa: E402

PICTURE = {"prompt": "1girl, smile", "steps": 4}
SMALL = {**PICTURE, "width": 128, "height": 128, "seed": 7}
LONG = {**SMALL, "steps": 56}


def milliseconds(values: list[float]) -> str:
    ordered = sorted(values)
    at = lambda share: 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]  # noqa: E731
    return f"median {at(0.5):.2f} ms, 99 of 100 below {at(0.99):.2f} ms, longest {1000 * ordered[-1]:.2f} ms of {len(values)}"


def seconds_of(view: dict) -> float:
    return view["ended"] - view["started"]


def wait(server: Server, job: str) -> dict:
    while True:
        view = server.get(f"/v1/jobs/{job}")
        if view["state"] not in ("queued", "running", "cancelling"):
            assert view["state"] == "done", view
            return view
        time.sleep(0.02)


def health_while_drawing(server: Server) -> None:
    """On one connection, every 5 ms: what a probe of an orchestrator sees."""
    place = urllib.parse.urlsplit(server.url)
    jobs = [server.post("/v1/jobs", {**LONG, "seed": k})["id"] for k in range(4)]
    connection = http.client.HTTPConnection(place.hostname, place.port)
    took = []
    while len(took) < 2000 and server.get(f"/v1/jobs/{jobs[-1]}")["state"] in ("queued", "running"):
        for _ in range(20):
            began = time.perf_counter()
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            took.append(time.perf_counter() - began)
            assert answer.status == 200
            time.sleep(0.005)
    for job in jobs:
        wait(server, job)
    print(f"/health while all cores draw: {milliseconds(took)}", flush=True)


def seconds_for(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def overhead(server: Server, turns: int) -> None:
    """A client's time less what the same request takes inside a process: drawing, by the engine's own clock, and planning
    before it, by what /v1/plan takes beyond /health."""
    whole, beyond = [], []
    planning = statistics.median(seconds_for(lambda k=k: server.post("/v1/plan", {**SMALL, "seed": 1000 + k}))
                                 - seconds_for(lambda: server.get("/health")) for k in range(turns))
    for k in range(turns):
        began = time.perf_counter()
        status, answer = ask(server.url, "/v1/images/generations", {**PICTURE, "size": "128x128", "seed": k})
        took = time.perf_counter() - began
        assert status == 200, answer
        newest = server.get("/v1/jobs?most=1")["jobs"][0]
        inside = seconds_of(newest)
        whole.append(took)
        beyond.append(took - inside - planning)
    print(f"a picture over HTTP: {milliseconds(whole)}", flush=True)
    print(f"  beyond a plan of {1000 * planning:.2f} ms and the drawing: {milliseconds(beyond)}", flush=True)


class Listeners:
    """Who read a job's events twenty times a second, in one thread: on a machine of two cores, a client that did more
    would be measured."""

    def __init__(self, server: Server, job: str, count: int) -> None:
        place = urllib.parse.urlsplit(server.url)
        request = f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        self.read = [0] * count
        self.sockets = [socket.create_connection((place.hostname, place.port)) for _ in range(count)]
        for one in self.sockets:
            one.sendall(request)
        self.thread = threading.Thread(target=self._drain)
        self.thread.start()

    def _drain(self) -> None:
        open_ones = dict(enumerate(self.sockets))
        while open_ones:
            ready = select.select(list(open_ones.values()), [], [], 0.5)[0]
            for k in [k for k, one in open_ones.items() if one in ready]:
                part = open_ones[k].recv(1 << 16)
                self.read[k] += len(part)
                if not part:
                    open_ones.pop(k).close()
            time.sleep(0.05)


def cpu_seconds(server: Server) -> float:
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        words = stat.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def watched(server: Server, turns: int, what: str, ways: list[tuple[dict, int]]) -> None:
    """Two ways by turns, each a request and how many listen to its events: what the second takes of the first."""
    seconds: list[list[float]] = [[], []]
    cpu: list[list[float]] = [[], []]
    for turn in range(turns):
        for way in (0, 1) if turn % 2 else (1, 0):
            request, count = ways[way]
            before = cpu_seconds(server)
            job = server.post("/v1/jobs", {**request, "seed": turn})["id"]
            listening = Listeners(server, job, count)
            view = wait(server, job)
            listening.thread.join()
            assert min(listening.read, default=1) > 0
            seconds[way].append(seconds_of(view))
            cpu[way].append(cpu_seconds(server) - before)
    for of, by in (("time", seconds), ("the server's CPU time", cpu)):
        ratio = [second / first for first, second in zip(*by)]
        print(f"{what}: {statistics.median(ratio):.3f} of {of} without (median of {len(ratio)} turns, {min(ratio):.3f} to "
              f"{max(ratio):.3f}; {LONG['steps']} steps in {statistics.median(by[0]):.2f} s)", flush=True)


def main() -> int:
    turns = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with Server(sys.argv[1]) as server:
        wait(server, server.post("/v1/jobs", SMALL)["id"])  # the first one loads and plans
        overhead(server, turns)
        health_while_drawing(server)
        few = max(3, turns // 5)
        watched(server, few, "twenty listeners", [(LONG, 0), (LONG, 20)])
        watched(server, few, "a preview every step, one listener", [(LONG, 1), ({**LONG, "preview_every": 1}, 1)])
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Whether one can leave it running: endurance.py NEWBIE [REQUESTS=1000]        prints memory as it goes

Mixed requests over all interfaces, one in five given up at a random moment; idle connections, a head
that comes byte by byte."""

from __future__ import annotations

import json
import pathlib
import random
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Server, ask  # noqa: E402

MOST_GROWTH_KIB = 10 << 10  # issue: under 10 MB over a thousand requests


def given_up(url: str, path: str, body: object, after: float) -> None:
    """The client closes its connection, whatever the server is at."""
    place = urllib.parse.urlsplit(url)
    text = json.dumps(body).encode()
    with socket.create_connection((place.hostname, place.port)) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode())
        s.sendall(text[: random.Random(after).randrange(len(text) + 1)] if after < 0.002 else text)
        time.sleep(after)


def one(url: str, k: int, dice: random.Random, told: dict[str, int]) -> None:
    small = {"prompt": f"1girl, {k}", "seed": k, "steps": dice.choice([1, 2, 4])}
    size = dice.choice([(64, 64), (128, 128), (64, 128)])
    requests = [("/v1/images/generations", {**small, "size": f"{size[0]}x{size[1]}"}),
                ("/sdapi/v1/txt2img", {**small, "width": size[0], "height": size[1]}),
                ("/v1/plan", {**small, "width": size[0], "height": size[1]}),
                ("/v1/prompt/lint", {"prompt": small["prompt"]}),
                ("/v1/jobs", {**small, "width": size[0], "height": size[1]})]  # fmt: skip
    path, body = requests[dice.choices(range(5), (4, 3, 1, 1, 3))[0]]
    if dice.random() < 0.2:
        given_up(url, path, body, dice.random() * 0.05)
        told["given up"] += 1
        return
    status, answer = ask(url, path, body)
    while status == 429:
        told["asked again"] += 1
        time.sleep(0.2)
        status, answer = ask(url, path, body)
    assert status in (200, 202), (path, status, answer)
    told["answered"] += 1


def mixed(server: Server, first: int, count: int) -> dict[str, int]:
    told = {"answered": 0, "given up": 0, "asked again": 0}
    problems: list[BaseException] = []

    def client(part: int) -> None:
        dice = random.Random(first + part)
        try:
            for k in range(first + part, first + count, 8):
                one(server.url, k, dice, told)
        except BaseException as problem:  # told below
            problems.append(problem)

    threads = [threading.Thread(target=client, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[0]
    for _ in range(6000):
        states = {j["state"] for j in server.get("/v1/jobs?most=200")["jobs"]}
        if not states & {"queued", "running", "cancelling"}:
            return told
        time.sleep(0.05)
    raise AssertionError("jobs that do not end")


def clients_that_cost_nothing(server: Server) -> None:
    place = urllib.parse.urlsplit(server.url)
    idle = [socket.create_connection((place.hostname, place.port)) for _ in range(300)]
    assert ask(server.url, "/health")[0] == 200
    print("passed  300 idle connections, and an answer beside them", flush=True)
    for s in idle:
        s.close()
    with socket.create_connection((place.hostname, place.port)) as slow:
        began = time.monotonic()
        slow.settimeout(60)
        try:
            while time.monotonic() - began < 60:
                slow.sendall(b"G")
                time.sleep(0.5)
                slow.setblocking(False)
                try:
                    if slow.recv(4096) == b"":
                        break
                except BlockingIOError:
                    pass
                slow.setblocking(True)
        except OSError:
            pass
        else:
            assert time.monotonic() - began < 60, "a head that comes byte by byte is still waited for"
    print("passed  a head that comes byte by byte is let go", flush=True)


def main() -> int:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    # What is kept of finished jobs is bounded, and so small here that it is full long before the end.
    with Server(sys.argv[1], "--keep", "1MiB", "--keep-seconds", "20") as server:
        warm = mixed(server, 0, max(100, count // 5))
        print(f"to begin with: {server.resident_kib()} KiB, {warm}", flush=True)
        memory = [server.resident_kib()]
        for part in range(5):
            told = mixed(server, 10_000 + part * count // 5, count // 5)
            memory.append(server.resident_kib())
            print(f"{(part + 1) * count // 5} requests: {memory[-1]} KiB, {told}", flush=True)
        grown = max(memory[1:]) - memory[0]
        assert grown < MOST_GROWTH_KIB, f"grown by {grown} KiB"
        print(f"passed  {count} mixed requests: grown by {grown} KiB", flush=True)
        clients_that_cost_nothing(server)
        assert ask(server.url, "/v1/images/generations", {"prompt": "1girl", "size": "64x64", "steps": 2})[0] == 200
        assert server.stop() == 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

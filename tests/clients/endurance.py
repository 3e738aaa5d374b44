#!/usr/bin/env python3
"""Whether one can leave it running: endurance.py NEWBIE [REQUESTS=1000]        prints memory as it goes

Mixed requests over all interfaces, one in five given up at a random moment; owners that take turns; idle connections,
a head and a body that come byte by byte, a client that asks and never reads."""

from __future__ import annotations

import json
import pathlib
import random
import re
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Server, ask  # noqa: E402

MOST_GROWTH_KIB = 10_000_000 // 1024  # over a thousand requests
KEYS = {"ann": "4" * 32, "bob": "5" * 32}


def connect(url: str) -> socket.socket:
    place = urllib.parse.urlsplit(url)
    return socket.create_connection((place.hostname, place.port), 60)


def head_of(path: str, length: int) -> bytes:
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()  # fmt: skip


def given_up(url: str, path: str, body: object, dice: random.Random) -> None:
    """The client goes, by a close or a reset: while it sends, while it waits, or while it is drawn for."""
    text = json.dumps(body).encode()
    with connect(url) as s:
        s.sendall(head_of(path, len(text)) + text[: dice.choice([len(text)] * 3 + [dice.randrange(len(text))])])
        time.sleep(dice.choice([0, 0.02, 0.2, 1]) * dice.random())
        if dice.random() < 0.5:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def one(url: str, k: int, dice: random.Random, told: dict[str, int], jobs: list[str]) -> None:
    """`told` and `jobs` are of this thread alone."""
    small = {"prompt": f"1girl, {k}", "seed": k, "steps": dice.choice([1, 2, 4])}
    size = dice.choice([(64, 64), (128, 128), (64, 128)])
    requests = [("/v1/images/generations", {**small, "size": f"{size[0]}x{size[1]}"}),
                ("/sdapi/v1/txt2img", {**small, "width": size[0], "height": size[1]}),
                ("/v1/plan", {**small, "width": size[0], "height": size[1]}),
                ("/v1/prompt/lint", {"prompt": small["prompt"]}),
                ("/v1/jobs", {**small, "width": size[0], "height": size[1]})]  # fmt: skip
    path, body = requests[dice.choices(range(5), (4, 3, 1, 1, 3))[0]]
    if dice.random() < 0.2:
        given_up(url, path, body, dice)
        told["given up"] += 1
        return
    status, answer = ask(url, path, body)
    while status == 429:
        told["asked again"] += 1
        time.sleep(0.2)
        status, answer = ask(url, path, body)
    assert status == (202 if path == "/v1/jobs" else 200), (path, status, answer)
    told["answered"] += 1
    if path == "/v1/jobs":
        jobs.append(answer["id"])
    elif path in ("/v1/images/generations", "/sdapi/v1/txt2img"):
        told["pictures"] += 1


def ends(server: Server) -> dict[str, int]:
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        text = answer.read().decode()
    return {state: int(n) for state, n in re.findall(r'newbie_jobs_total\{\w+="(\w+)"\} (\d+)', text)}


def mixed(server: Server, first: int, count: int) -> dict[str, int]:
    """Whoever stayed has a picture, whatever was taken has ended, and nothing has failed."""
    names = ("answered", "pictures", "given up", "asked again")
    parts = [({name: 0 for name in names}, []) for _ in range(8)]
    problems: list[BaseException] = []
    before = ends(server)

    def client(part: int) -> None:
        dice = random.Random(first + part)
        try:
            for k in range(first + part, first + count, 8):
                one(server.url, k, dice, *parts[part])
        except BaseException as problem:  # told below
            problems.append(problem)

    threads = [threading.Thread(target=client, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[0]
    told = {name: sum(part[0][name] for part in parts) for name in names}
    jobs = [job for part in parts for job in part[1]]
    assert told["answered"] + told["given up"] == count, told
    for _ in range(6000):
        states = {j["state"] for j in server.get("/v1/jobs?most=200")["jobs"]}
        if not states & {"queued", "running", "cancelling"}:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("jobs that do not end")
    for job in jobs:
        status, answer = ask(server.url, f"/v1/jobs/{job}")
        assert status == 410 or answer["state"] == "done", answer  # its time may be over
    ended = {state: n - before.get(state, 0) for state, n in ends(server).items()}
    assert ended.get("failed", 0) == 0, ended
    least, stayed = told["pictures"] + len(jobs), ended["done"]
    assert least <= stayed and stayed + ended["cancelled"] <= least + told["given up"], (told, len(jobs), ended)
    return told | {"cancelled": ended["cancelled"]}


def owners_take_turns(program: str) -> None:
    """Who sends thirty at once is no reason for another to wait for more than one of them before each of his."""
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write("".join(f"{name}: {key}\n" for name, key in KEYS.items()))
        keys.flush()
        with Server(program, "--api-key-file", keys.name) as server:
            def call(owner: str, path: str, body: object = None):  # noqa: ANN202
                status, answer = ask(server.url, path, body, headers={"Authorization": f"Bearer {KEYS[owner]}"})
                assert status in (200, 202), (status, answer)
                return answer

            def submit(owner: str, count: int) -> list[str]:
                body = {"prompt": "1girl", "width": 64, "height": 64, "steps": 4}
                return [call(owner, "/v1/jobs", body)["id"] for _ in range(count)]

            many, few = submit("ann", 30), submit("bob", 5)
            both = (("ann", many), ("bob", few))
            jobs = [(owner, call(owner, f"/v1/jobs/{job}")) for owner, ids in both for job in ids]
            while any(job["state"] != "done" for _, job in jobs):
                assert not any(job["state"] in ("failed", "cancelled") for _, job in jobs), jobs
                time.sleep(0.1)
                jobs = [(owner, call(owner, f"/v1/jobs/{job['id']}")) for owner, job in jobs]
            asked = max(job["created"] for owner, job in jobs if owner == "bob")
            waited = sorted((job["started"], owner) for owner, job in jobs if job["started"] >= asked)
            order = "".join(owner[0] for _, owner in waited)
            assert "b" in order and "aa" not in order[: order.rindex("b")], order
            for _, ids in both:
                began = [next(job["started"] for _, job in jobs if job["id"] == k) for k in ids]
                assert began == sorted(began), began
            print(f"passed  owners take turns, and each owner's jobs come in their order: {order}", flush=True)
            assert server.stop() == 0


def is_let_go(s: socket.socket, piece: bytes, within: float) -> bool:
    """`piece` every half second: each in time by itself."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        try:
            s.sendall(piece)
            s.settimeout(0.5)
            if s.recv(4096) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def clients_that_cost_nothing(server: Server) -> None:
    drawing = {"prompt": "1girl", "size": "64x64", "steps": 2}
    idle = [connect(server.url) for _ in range(300)]
    assert ask(server.url, "/health")[0] == 200
    assert ask(server.url, "/v1/images/generations", drawing)[0] == 200
    print("passed  300 idle connections: answers and a drawing beside them", flush=True)
    for s in idle:
        s.close()
    with connect(server.url) as slow:
        assert is_let_go(slow, b"G", 60), "a head that comes byte by byte is still waited for"
    print("passed  a head that comes byte by byte is let go", flush=True)
    with connect(server.url) as slow:
        slow.sendall(head_of("/v1/jobs", 100_000))
        assert is_let_go(slow, b" ", 240), "a body that comes byte by byte is still waited for"
    print("passed  a body that comes byte by byte is let go", flush=True)
    # Buffers are full long before the last of these answers; reading begins when the server should have gone.
    with connect(server.url) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = 2000
        slow.settimeout(5)
        try:
            slow.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * asked)
        except TimeoutError:
            pass
        time.sleep(60)
        answers, rest = 0, b""
        try:
            while more := slow.recv(1 << 20):
                rest = (rest + more)[-(1 << 21) :]
                answers += more.count(b"HTTP/1.1 200")
        except OSError as problem:
            assert not isinstance(problem, TimeoutError), "a client that never reads is still waited for"
        assert answers < asked, "a client that never reads got all of it"
    print(f"passed  a client that never reads is let go, after {answers} of {asked} answers", flush=True)
    assert ask(server.url, "/v1/images/generations", drawing)[0] == 200


def main() -> int:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    # What is kept of finished jobs is bounded, and so small here that it is full long before the end.
    with Server(sys.argv[1], "--keep", "1MiB", "--keep-seconds", "20", "--metrics") as server:
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
        assert server.stop() == 0
    owners_take_turns(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())

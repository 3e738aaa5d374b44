#!/usr/bin/env python3
"""Whether memory stays what it is: soak.py NEWBIE [PICTURES=20000]        prints memory every 1,000 pictures

Small pictures of the embedded model, over the three interfaces, from four clients at a time; what is kept of them is
bounded, and so small here that it is full long before the first line. Fails when memory has grown by more than 10 MB
since then.
"""

from __future__ import annotations

import http.client
import json
import pathlib
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Server  # noqa: E402

MOST_GROWTH_KIB = 10 << 10
CLIENTS = 4
PART = 1000  # pictures a line
PROMPTS = 50  # that the text cache has after the first of them


def body_of(k: int) -> tuple[str, dict]:
    request = {"prompt": f"1girl, {k % PROMPTS}", "seed": k, "steps": 1}
    return [
        ("/v1/images/generations", {**request, "size": "64x64", "cfg_scale": 1}),
        ("/sdapi/v1/txt2img", {**request, "width": 64, "height": 64, "cfg_scale": 1}),
        ("/v1/jobs", {**request, "width": 64, "height": 64, "cfg": 1}),
    ][k % 3]


class Client(threading.Thread):
    """Draws every CLIENTS-th picture of a part, over one connection."""

    def __init__(self, url: str, pictures: range) -> None:
        super().__init__()
        place = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=300)
        self.pictures = pictures
        self.problem: BaseException | None = None

    def ask(self, method: str, path: str, body: dict | None = None) -> tuple[int, bytes]:
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def draw(self, k: int) -> None:
        path, body = body_of(k)
        status, text = self.ask("POST", path, body)
        assert status in (200, 202), (status, text)
        if path != "/v1/jobs":
            return
        job = json.loads(text)["id"]
        while json.loads(self.ask("GET", f"/v1/jobs/{job}")[1])["state"] != "done":
            time.sleep(0.005)
        status, picture = self.ask("GET", f"/v1/jobs/{job}/pictures/0")
        assert status == 200 and picture.startswith(b"\x89PNG"), (status, picture[:80])

    def run(self) -> None:
        try:
            for k in self.pictures:
                self.draw(k)
        except BaseException as problem:  # told below
            self.problem = problem


def part(url: str, first: int, count: int) -> None:
    clients = [Client(url, range(first + one, first + count, CLIENTS)) for one in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    for client in clients:
        if client.problem is not None:
            raise client.problem


def main() -> int:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as cache, Server(
        sys.argv[1], "--text-cache", cache, "--keep", "1MiB", "--keep-seconds", "20"
    ) as server:
        memory = []
        for first in range(0, count, PART):
            part(server.url, first, min(PART, count - first))
            memory.append(server.resident_kib())
            print(f"{min(first + PART, count)} pictures, {time.monotonic() - began:.0f} s: VmRSS {memory[-1]} KiB", flush=True)
        grown = max(memory) - memory[0]
        assert grown < MOST_GROWTH_KIB, f"grown by {grown} KiB since the first {PART}"
        print(f"passed  {count} pictures: grown by {grown} KiB since the first {PART}", flush=True)
        assert server.stop() == 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

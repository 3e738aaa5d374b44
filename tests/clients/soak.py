#!/usr/bin/env python3
"""Whether memory stays flat over many pictures: soak.py NEWBIE [PICTURES=20000]      a line every thousand

The embedded model, 64 x 64 and one step, seeds and prompts that do not come twice; two clients, so that one picture
waits while another is drawn. What is kept of finished jobs is bounded, and full after the first hundred."""

from __future__ import annotations

import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Server, ask  # noqa: E402

A_LINE = 1000
MOST_GROWTH_KIB = 10 << 10  # over all pictures behind the first thousand: 0.5 KiB a picture of 20,000 would be seen


def draw(url: str, first: int, count: int, problems: list[BaseException]) -> None:
    try:
        for k in range(first, first + count, 2):
            status, answer = ask(url, "/v1/images/generations",
                                 {"prompt": f"1girl, {k}", "seed": k, "steps": 1, "size": "64x64"})
            assert status == 200, answer
            assert len(answer["data"]) == 1 and answer["data"][0]["b64_json"]
    except BaseException as problem:  # told by the caller
        problems.append(problem)


def main() -> int:
    pictures = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    memory: list[int] = []
    began = time.monotonic()
    with Server(sys.argv[1], "--keep", "1MiB", "--keep-seconds", "20") as server:
        for first in range(0, pictures, A_LINE):
            problems: list[BaseException] = []
            count = min(A_LINE, pictures - first)
            clients = [threading.Thread(target=draw, args=(server.url, first + k, count - k, problems)) for k in (0, 1)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            if problems:
                raise problems[0]
            memory.append(server.resident_kib())
            print(f"{first + count} pictures: {memory[-1]} KiB, {time.monotonic() - began:.0f} s", flush=True)
        assert server.stop() == 0
    grown = max(memory) - memory[0]
    assert grown < MOST_GROWTH_KIB, f"grown by {grown} KiB behind the first {A_LINE}"
    print(f"passed  {pictures} pictures: grown by {grown} KiB behind the first {A_LINE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

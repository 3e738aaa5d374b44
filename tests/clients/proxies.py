#!/usr/bin/env python3
"""Two workers behind the proxies of examples/serve: proxies.py NEWBIE        needs haproxy and nginx

HAProxy: one worker is killed while it draws, one drains; nothing is lost, and nothing is answered twice. nginx: events
come as they happen, however long a drawing takes."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from proxied import free_port, nginx_config, with_ports  # noqa: E402
from served import Server, ask  # noqa: E402

SMALL = {"prompt": "1girl", "width": 64, "height": 64, "steps": 4}
LONG = {"prompt": "1girl", "width": 128, "height": 128, "steps": 120}


def until(what: str, true) -> None:  # noqa: ANN001
    for _ in range(6000):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


@contextlib.contextmanager
def running(command: list[str], url: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(f"{command[0]} answers", lambda: ask(url, "/ready")[0] == 200)
        yield
    finally:
        process.terminate()
        process.wait()


def haproxy(program: str, folder: pathlib.Path) -> None:
    outer, ports = free_port(), [free_port(), free_port()]
    config = folder / "haproxy.cfg"
    config.write_text(with_ports("haproxy.cfg", {8080: outer, 7861: ports[0], 7862: ports[1]}))
    subprocess.run(["haproxy", "-c", "-f", str(config)], check=True, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{outer}"

    def worker(k: int) -> Server:
        return Server(program, "--worker-name", f"w{k + 1}", "--jobs", str(folder / f"jobs{k}"), "--resume-jobs", "--shutdown-timeout", "600", port=ports[k])

    first, second = worker(0).start(), worker(1).start()
    with first, second, running(["haproxy", "-f", str(config)], url):
        drawn_by = lambda server: len(server.get("/v1/jobs?most=200")["jobs"])  # noqa: E731

        # Eight at a time on two workers that draw one each: all are answered, each was drawn once.
        answers: list[tuple[int, object]] = []
        clients = [threading.Thread(target=lambda: answers.append(ask(url, "/v1/images/generations", {"prompt": "1girl", "size": "64x64", "steps": 4}))) for _ in range(8)]  # fmt: skip
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert [status for status, _ in answers] == [200] * 8, answers
        assert drawn_by(first) + drawn_by(second) == 8 and drawn_by(first) and drawn_by(second)
        print("passed  eight clients, two workers: each drawn once", flush=True)

        # A job of each worker: its id leads back to it.
        ids: dict[str, str] = {}
        while len(ids) < 2:
            status, job = ask(url, "/v1/jobs", LONG)
            assert status == 202, job
            name = job["id"].split("-")[0]
            if name in ids:
                ask(url, f"/v1/jobs/{job['id']}", method="DELETE")
            ids.setdefault(name, job["id"])
        until("both draw", lambda: all(ask(url, f"/v1/jobs/{i}")[1]["state"] == "running" for i in ids.values()))
        print("passed  ids lead to their workers", flush=True)

        # One is killed while it draws: the other goes on; started again it draws its job once, to the end.
        first.stop(signal.SIGKILL)
        until("the proxy has noticed", lambda: ask(url, "/ready")[0] == 200)
        status, answer = ask(url, "/v1/jobs", SMALL)
        assert status == 202 and answer["id"].startswith("w2-"), (status, answer)
        again = worker(0).start()
        with again:
            until("the killed worker's job is done", lambda: ask(url, f"/v1/jobs/{ids['w1']}")[1]["state"] == "done")
            job = again.get(f"/v1/jobs/{ids['w1']}")
            assert len(job["pictures"]) == 1 and sum(j["id"] == ids["w1"] for j in again.get("/v1/jobs?most=200")["jobs"]) == 1
            print("passed  killed while it drew: its job is drawn once more, and once", flush=True)

            # The other drains: what it has is finished, what is new goes elsewhere.
            until("its jobs are done", lambda: ask(url, f"/v1/jobs/{answer['id']}")[1]["state"] == "done")
            slow: list[tuple[int, object]] = []
            waiting = threading.Thread(target=lambda: slow.append(ask(second.url, "/v1/images/generations", {"prompt": "1girl", "size": "128x128", "steps": 200})))  # fmt: skip
            waiting.start()
            until("it draws", lambda: any(j["state"] == "running" for j in second.get("/v1/jobs?most=5")["jobs"]))
            second.process.send_signal(signal.SIGTERM)
            until("it is taken out", lambda: ask(second.url, "/ready")[0] == 503)
            # The proxy looks once a second; until then the worker itself refuses, and says when to ask again.
            until("new ones go to the other", lambda: ask(url, "/v1/images/generations", {"prompt": "1girl", "size": "64x64", "steps": 2})[0] == 200)
            waiting.join()
            assert slow[0][0] == 200, slow
            assert second.process.wait(60) == 0
            print("passed  drained: what it drew was answered, what came went to the other", flush=True)


def nginx(program: str, folder: pathlib.Path) -> None:
    outer = free_port()
    with Server(program) as server:
        config = nginx_config(folder, outer, int(server.url.rsplit(":", 1)[1]))
        subprocess.run(["nginx", "-t", "-q", "-c", str(config)], check=True)
        url = f"http://127.0.0.1:{outer}/newbie"
        with running(["nginx", "-c", str(config)], url):
            job = ask(url, "/v1/jobs", LONG)[1]
            with urllib.request.urlopen(f"{url}/v1/jobs/{job['id']}/events", timeout=60) as events:
                first = events.readline()
                state = ask(url, f"/v1/jobs/{job['id']}")[1]["state"]
                assert first.startswith(b"id: ") and state in ("queued", "running"), (first, state)
            ask(url, f"/v1/jobs/{job['id']}", method="DELETE")
            print("passed  events come through nginx while it draws", flush=True)

            large = {"prompt": "1girl", "steps": 1, "width": 64, "height": 64, "init_image": "A" * (2 << 20)}
            assert ask(url, "/v1/jobs", large)[0] == 400, "a body over nginx's own limit does not come through"
            print("passed  large bodies come through nginx", flush=True)

            # Who leaves, leaves through nginx, too.
            leaving = subprocess.Popen([sys.executable, "-c", f"import urllib.request as u; u.urlopen(u.Request('{url}/v1/images/generations', b'{{\"prompt\":\"1girl\",\"size\":\"128x128\",\"steps\":900}}', {{'Content-Type': 'application/json'}}))"])  # fmt: skip
            until("it draws", lambda: server.get("/v1/jobs?most=1")["jobs"][0]["state"] == "running")
            leaving.kill()
            leaving.wait()
            until("its drawing ends", lambda: server.get("/v1/jobs?most=1")["jobs"][0]["state"] == "cancelled")
            print("passed  a client that leaves nginx leaves the server", flush=True)


def main() -> int:
    failed = 0
    for part in (haproxy, nginx):
        with tempfile.TemporaryDirectory() as folder:
            try:
                part(sys.argv[1], pathlib.Path(folder))
            except (AssertionError, subprocess.CalledProcessError) as problem:
                failed += 1
                print(f"FAILED  {part.__name__}: {problem}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

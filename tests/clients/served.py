"""`newbie serve` as a process, for the checks of this folder."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request


class Server:
    """On a port of its own, ended with the block."""

    def __init__(self, program: str, *flags: str, port: int = 0) -> None:
        self.command = [program, "serve", "--port", str(port), *flags]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Server:
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"listening on (http://\S+)", line):
                self.url = found.group(1)
            if " is open: " in line:
                break
        else:
            raise RuntimeError("the server did not start:\n" + "".join(self.lines))
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.reader.start()
        return self

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(120)

    def __enter__(self) -> Server:
        return self if self.process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def resident_kib(self) -> int:
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))  # type: ignore[union-attr]

    def answered(self, path: str, status: int) -> int:
        """How many POSTs of `path` the log has with this status. A line follows its answer."""
        return sum(f"POST {path} {status} " in line for line in self.lines)

    def get(self, path: str):  # noqa: ANN201
        return ask(self.url, path)[1]

    def post(self, path: str, body: object):  # noqa: ANN201
        return ask(self.url, path, body)[1]


def ask(  # noqa: ANN201
    url: str,
    path: str,
    body: object = None,
    method: str | None = None,
    timeout: float = 300,
    headers: dict[str, str] | None = None,
):
    """Status and JSON of an answer; 0 and None when the connection broke."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text, status = answer.read(), answer.status
    except urllib.error.HTTPError as error:
        text, status = error.read(), error.code
    except OSError:
        return 0, None
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text

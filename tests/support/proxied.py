"""Free ports, and the proxies of examples/serve put on them: for checks with a server in front of the server."""

from __future__ import annotations

import contextlib
import pathlib
import random
import socket

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "serve"


def free_port() -> int:
    """Below those that the system gives to outgoing connections: nobody takes it before it is used."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


def with_ports(name: str, ports: dict[int, int]) -> str:
    """An example's text with other ports: those that are written, and those that are used."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for written, used in ports.items():
        assert f":{written}" in text, f"{name} has no port {written}"
        text = text.replace(f":{written}", f":{used}")
    return text


def nginx_config(folder: pathlib.Path, outer: int, port: int) -> pathlib.Path:
    """nginx.conf of the examples, listening on `outer` for a server on `port`, with all that it writes in `folder`."""
    site = with_ports("nginx.conf", {8081: outer, 7860: port})
    places = "".join(f"{k}_temp_path {folder}/{k};\n" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = folder / "nginx.conf"
    whole.write_text(f"daemon off;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\nhttp {{\naccess_log off;\n{places}{site}}}\n")
    return whole

#!/usr/bin/env python3
"""Writes down what the real clients send: record.py FOLDER. Their packages are those of requirements.txt.

A file a client: its requests in order, each with what the answer must have ("needs": JSON pointers; "events": kinds of
server-sent events). tests/unit/server/replay_test.cpp sends them to the server. What clients send that no package index
has (Open WebUI, SillyTavern, LibreChat) is written by hand in the same form, from their sources."""

from __future__ import annotations

import base64
import http.server
import io
import json
import pathlib
import struct
import sys
import threading
import zlib

NOISE = ("host", "accept-encoding", "connection", "content-length", "user-agent", "accept")
NOISE_OF_OPENAI = ("x-stainless-os", "x-stainless-arch", "x-stainless-lang", "x-stainless-runtime", "x-stainless-package")


def png(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x80\x40\x20" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PNG = png(16)

# What each answer must have, by the end of the address. Clients break without these (../shared/server.md §3).
NEEDS = {
    "/v1/images/generations": ["/created", "/data/0/b64_json", "/usage/total_tokens"],
    "/v1/images/edits": ["/created", "/data/0/b64_json"],
    "/v1/models": ["/object", "/data/0/id", "/data/0/created", "/data/0/owned_by"],
    "/sdapi/v1/txt2img": ["/images/0", "/info", "/parameters/prompt"],
    "/sdapi/v1/img2img": ["/images/0", "/info", "/parameters/prompt"],
    "/sdapi/v1/options": ["/sd_model_checkpoint"],
    "/sdapi/v1/progress": ["/progress", "/state/job_count"],
    "/sdapi/v1/samplers": ["/0/name"],
    "/sdapi/v1/sd-models": ["/0/title", "/0/model_name"],
    "/sdapi/v1/scripts": ["/txt2img", "/img2img"],
}


class Recorder(http.server.BaseHTTPRequestHandler):
    requests: list[dict] = []

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        said: dict = {"method": self.command, "target": self.path,
                      "headers": {k: v for k, v in self.headers.items() if k.lower() not in NOISE and not k.lower().startswith(NOISE_OF_OPENAI)}}  # fmt: skip
        if body:
            try:
                said["body"] = body.decode()
            except UnicodeDecodeError:
                said["body_base64"] = base64.b64encode(body).decode()
        if b'"stream":true' in body.replace(b" ", b"") or b'name="stream"' in body:
            said["events"] = ["image_generation.partial_image", "image_generation.completed"]
        else:
            said["needs"] = NEEDS.get(path, []) if self.command == "GET" or not path.endswith("/options") else []
        self.requests.append(said)
        picture = base64.b64encode(PNG).decode()
        answers: dict = {"/sdapi/v1/scripts": {"txt2img": [], "img2img": []}, "/v1/models": {"object": "list", "data": []},
                         "/sdapi/v1/samplers": [], "/sdapi/v1/sd-models": []}  # fmt: skip
        given = answers.get(path, {"created": 1, "data": [{"b64_json": picture}], "images": [picture], "info": "{}",
                                   "parameters": {}, "progress": 0, "state": {"job_count": 0}, "sd_model_checkpoint": ""})  # fmt: skip
        text = json.dumps(given).encode()
        self.send_response(200)
        if "events" in said:
            text = b"data: [DONE]\n\n"
            self.send_header("Content-Type", "text/event-stream")
        else:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_: object) -> None:
        pass


def openai_python(port: int) -> str:
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none")
    small = {"steps": 4, "seed": 7}
    client.images.generate(model="gpt-image-1", prompt="1girl, smile", n=2, size="64x64", quality="auto", extra_body=small)
    list(client.images.generate(model="gpt-image-1", prompt="1girl", size="64x64", stream=True, partial_images=2, extra_body=small))
    client.images.edit(model="gpt-image-1", image=("a.png", io.BytesIO(PNG), "image/png"), prompt="1boy", size="64x64",
                       extra_body={"steps": 2, "strength": 0.5})  # fmt: skip
    client.models.list()
    return f"openai {openai.__version__} (Python)"


def webuiapi_python(port: int) -> str:
    import importlib.metadata

    import webuiapi
    from PIL import Image

    api = webuiapi.WebUIApi(host="127.0.0.1", port=port)
    picture = Image.open(io.BytesIO(PNG))
    api.txt2img(prompt="1girl", steps=2, width=64, height=64, seed=7)
    api.img2img(images=[picture], prompt="1boy", steps=2, width=64, height=64)
    api.get_options()
    api.get_samplers()
    api.get_progress()
    api.get_sd_models()
    api.interrupt()
    api.skip()
    return f"webuiapi {importlib.metadata.version('webuiapi')}"


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, client in (("openai_python", openai_python), ("webuiapi", webuiapi_python)):
        Recorder.requests.clear()
        told = client(server.server_port)
        requests = [{k: v for k, v in r.items() if v != []} for r in Recorder.requests]
        (folder / f"{name}.json").write_text(json.dumps({"client": told, "requests": requests}, indent=1, ensure_ascii=False) + "\n")
        print(f"{told}: {len(requests)} requests")


if __name__ == "__main__":
    main()

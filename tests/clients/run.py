#!/usr/bin/env python3
"""The real clients of PyPI against a running `newbie serve`: openai and webuiapi. ./dev clients runs it.

Usage: run.py NEWBIE        NEWBIE is the program; prints a line a check and exits 1 if one failed
"""

import base64
import io
import json
import re
import subprocess
import sys
import threading
import urllib.request

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Server:
    """`newbie serve` on a port of its own, ended with the block."""

    def __init__(self, program, *flags):
        self.command = [program, "serve", "--port", "0", *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        self.lines = []
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

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def requests(self, path):
        return sum(f"POST {path} " in line for line in self.lines)

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)


def openai_client(server, **options):
    import openai

    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", **options)


SMALL = {"steps": 2, "seed": 7}


def is_png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]


@check
def openai_generates(server):
    answer = openai_client(server).images.generate(
        model="gpt-image-1", prompt="1girl, smile", n=2, size="64x64", quality="auto", extra_body=SMALL)
    assert len(answer.data) == 2 and answer.usage.total_tokens > 0
    for picture in answer.data:
        is_png(base64.b64decode(picture.b64_json))


@check
def openai_streams(server):
    events = list(openai_client(server).images.generate(
        model="gpt-image-1", prompt="1girl", size="64x64", stream=True, partial_images=2,
        extra_body={"steps": 8, "seed": 7}))
    kinds = [event.type for event in events]
    assert kinds[-1] == "image_generation.completed", kinds
    assert kinds.count("image_generation.partial_image") in (1, 2), kinds
    is_png(base64.b64decode(events[-1].b64_json))


@check
def openai_edits(server):
    client = openai_client(server)
    first = base64.b64decode(client.images.generate(
        model="gpt-image-1", prompt="1girl", size="64x64", extra_body=SMALL).data[0].b64_json)
    answer = client.images.edit(model="gpt-image-1", image=("a.png", io.BytesIO(first), "image/png"), prompt="1boy",
                                size="64x64", extra_body={"steps": 2, "strength": 0.5})
    is_png(base64.b64decode(answer.data[0].b64_json))


@check
def openai_lists_models(server):
    assert [model.id for model in openai_client(server).models.list()] == ["avatar"]


@check
def openai_raises_what_we_say(server):
    import openai

    try:
        openai_client(server).images.generate(model="gpt-image-1", prompt="1girl", size="64x65")
    except openai.BadRequestError as error:
        assert "64" in str(error) or "65" in str(error), error
    else:
        raise AssertionError("a size of 64x65 was drawn")


@check
def openai_asks_once_where_asking_again_does_not_help(server):
    import openai

    before = server.requests("/v1/images/generations")
    try:
        openai_client(server).images.generate(model="gpt-image-1", prompt="1girl", size="16384x16384", extra_body=SMALL)
    except openai.InternalServerError as error:
        assert error.status_code == 507, error
    else:
        raise AssertionError("a picture of 16384x16384 was drawn")
    assert server.requests("/v1/images/generations") == before + 1


@check
def openai_that_stops_waiting_stops_the_drawing(server):
    import openai

    try:
        openai_client(server, timeout=1, max_retries=0).images.generate(
            model="gpt-image-1", prompt="1girl", size="256x256",
            extra_body={"steps": 2000, "schedule": "flow_euler"})
    except openai.APITimeoutError:
        pass
    for _ in range(200):
        jobs = server.get("/v1/jobs?most=1")["jobs"]
        if jobs and jobs[0]["state"] == "cancelled":
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"it is still {jobs}")


def webui(server):
    import webuiapi

    host, port = server.url.removeprefix("http://").split(":")
    return webuiapi.WebUIApi(host=host, port=int(port))


@check
def webuiapi_draws(server):
    result = webui(server).txt2img(prompt="1girl", steps=2, width=64, height=64, seed=7)
    assert result.image.size == (64, 64) and result.info["infotexts"], result.info


@check
def webuiapi_draws_from_a_picture(server):
    api = webui(server)
    first = api.txt2img(prompt="1girl", steps=2, width=64, height=64).image
    assert api.img2img(images=[first], prompt="1boy", steps=2, width=64, height=64).image.size == (64, 64)


@check
def webuiapi_looks_around(server):
    api = webui(server)
    assert api.get_options()["sd_model_checkpoint"] == "avatar"
    assert api.get_samplers() and api.get_progress()["state"]["job_count"] == 0
    for ask in (api.get_sd_models, api.get_scripts, api.get_memory, api.interrupt, api.skip):
        ask()


def main():
    failed = 0
    with Server(sys.argv[1]) as server:
        for function in CHECKS:
            name = function.__name__.replace("_", " ")
            try:
                function(server)
                print(f"passed  {name}")
            except Exception as error:  # a check that fails is told, and the next one is run
                failed += 1
                print(f"FAILED  {name}: {type(error).__name__}: {error}")
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The real clients of PyPI and npm against a running `newbie serve`: openai for Python and JavaScript, webuiapi, and
schemathesis on the OpenAPI document. ./dev clients runs it.

Usage: run.py NEWBIE [CHECK…]        NEWBIE is the program; prints a line a check and exits 1 if one failed
"""

import base64
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from served import Server, ask  # noqa: E402

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


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

    try:
        openai_client(server).images.generate(model="gpt-image-1", prompt="1girl", size="16384x16384", extra_body=SMALL)
    except openai.InternalServerError as error:
        assert error.status_code == 507, error
    else:
        raise AssertionError("a picture of 16384x16384 was drawn")
    for _ in range(200):
        if server.answered("/v1/images/generations", 507) > 0:
            break
        threading.Event().wait(0.05)
    threading.Event().wait(3)  # a client that asked again would do so within two seconds
    assert server.answered("/v1/images/generations", 507) == 1


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


@check
def openai_for_javascript_draws_and_streams(server):
    """The package lies where NODE_PATH says (./dev clients puts it there)."""
    if not os.environ.get("NODE_PATH"):
        raise AssertionError("NODE_PATH is not set: npm install openai, and tell where")
    script = pathlib.Path(__file__).with_name("openai.mjs")
    done = subprocess.run(["node", str(script), server.url], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@check
def prometheus_reads_the_metrics(server):
    if shutil.which("promtool") is None:
        raise AssertionError("promtool is missing: apt-get install prometheus")
    assert ask(server.url, "/v1/images/generations", {"prompt": "1girl", "size": "64x64", **SMALL})[0] == 200
    status, text = ask(server.url, "/metrics")
    assert status == 200, status
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()


@check
def schemathesis_finds_no_server_error(server):
    """What the OpenAPI document allows is answered, and nothing but 503 and 507 is the server's fault."""
    with tempfile.TemporaryDirectory() as folder:
        hooks = pathlib.Path(folder) / "hooks.py"
        hooks.write_text(SCHEMATHESIS_HOOKS)
        program = pathlib.Path(sys.executable).with_name("schemathesis")
        done = subprocess.run([str(program), "run", server.url + "/openapi.json", "--url", server.url, "--checks", "no_fault_of_ours",
                               "--phases", "examples,fuzzing", "--max-examples", "20", "--seed", "1", "--workers", "2",
                               "--request-timeout", "300"],
                              capture_output=True, text=True, cwd=folder, timeout=1500,
                              env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": folder})  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


SCHEMATHESIS_HOOKS = """
import schemathesis


@schemathesis.check
def no_fault_of_ours(ctx, response, case):
    if response.status_code >= 500 and response.status_code not in (503, 507):
        raise AssertionError(f"{case.method} {case.formatted_path}: {response.status_code} {response.text[:500]}")


@schemathesis.hook
def map_body(context, body):
    # Pictures that are drawn in no time.
    if isinstance(body, dict) and context.operation.path.startswith(("/v1/jobs", "/v1/images", "/sdapi/v1/txt2img", "/sdapi/v1/img2img", "/v1/compare")):
        body = {"prompt": "1girl", **body, "steps": 1, "width": 16, "height": 16}
    return body
"""


def main():
    failed = 0
    wanted = sys.argv[2:]
    with Server(sys.argv[1], "--metrics") as server:
        for function in CHECKS:
            if wanted and function.__name__ not in wanted:
                continue
            name = function.__name__.replace("_", " ")
            try:
                function(server)
                print(f"passed  {name}")
            except Exception as error:  # a check that fails is told, and the next one is run
                failed += 1
                print(f"FAILED  {name}: {type(error).__name__}: {error}")
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

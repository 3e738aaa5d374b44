#!/usr/bin/env python3
"""The page in a real browser: page_test.py NEWBIE MODEL SCREENSHOTS [CHECK…]

Starts `newbie serve` on a free port of the loopback, opens the page in Debian's Chromium, and uses it as a person would.
Screenshots of what it saw go to SCREENSHOTS. Prints a line a check; the last line counts them."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from typing import Callable, Iterator

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "support")]
from browser import ELEMENT, Browser, BrowserError  # noqa: E402
from proxied import free_port, nginx_config  # noqa: E402

BACKSPACE, CONTROL, DELETE, ENTER, ESCAPE, TAB = "\ue003", "\ue009", "\ue017", "\ue007", "\ue00c", "\ue004"


class Served:
    """A server that can be ended and started again on its port."""

    def __init__(self, program: str, model: str, *flags: str) -> None:
        self.program, self.model = program, model
        self.port = free_port()
        self._command = [program, "serve", "-m", model, "--port", str(self.port), *flags]
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  not a pipe, which nobody would read
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=self._log)
        for _ in range(600):
            if self._process.poll() is not None:
                self._log.seek(0)
                raise SystemExit(f"newbie serve ended: {self._log.read()}")
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(self.address + "ready", timeout=2):
                    return
            time.sleep(0.1)
        raise SystemExit("newbie serve is not ready after a minute")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(120)  # what is being drawn is finished

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read()


EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "prompts"


def example_prompts() -> list[str]:
    listed = (EXAMPLES / "avatars.jsonl").read_text(encoding="utf-8").splitlines()
    single = [f.read_text(encoding="utf-8") for f in sorted(EXAMPLES.iterdir()) if f.suffix in (".xml", ".txt")]
    return single + [json.loads(line)["prompt"] for line in listed]


def made_up_prompts(count: int) -> Iterator[str]:
    """Whole and broken ones: what people paste, and what they have typed half of. The same in every run."""
    dice = random.Random(20)
    words = ["blue_hair", "smile", "1girl", "蓝色头发", "a & b", "x < y", "😀, ✨", "(red:1.2)", "\\(a\\)", "&lt;", "", " ", "long text, " * 20,
             "two\nlines", "é"]  # fmt: skip
    fields = ["n", "gender", "appearance", "clothing", "expression", "action", "position", "odd", "count", "style", "background", "角色"]

    def inside() -> str:
        return ", ".join(dice.choice(words) for _ in range(dice.randrange(4)))

    def block(name: str) -> str:
        out = f"<{name}>"
        for _ in range(dice.randrange(6)):
            field = dice.choice(fields)
            closing = f"</{field}>" if dice.random() < 0.93 else ""
            out += dice.choice(["\n", "", " ", "\t", f"\n{inside()}\n"]) + f"<{field}>{inside()}{closing}"
        return out + dice.choice(["\n", ""]) + (f"</{name}>" if dice.random() < 0.95 else "")

    for _ in range(count):
        names = [dice.choice(["character_1", "character_2", "character_1", "general_tags", "other"]) for _ in range(dice.randrange(4))]
        text = dice.choice(["", inside(), "\n"]) + dice.choice(["", "\n"]).join(block(name) for name in names)
        yield text + dice.choice(["", inside(), "\n\n"])


# Of the prompt given first. Calls its last argument with what is wrong, or nothing.
ROUND_TRIP = """
const text = arguments[0], done = arguments[1];
const area = document.querySelector('.layers textarea');
const write = (input, value) => { input.value = value; input.dispatchEvent(new Event('input')); };
const later = ms => new Promise(r => setTimeout(r, ms));
const read = async path => (await (await fetch(path, {method: 'POST', body: JSON.stringify({prompt: text}), headers: {'Content-Type': 'application/json'}})).json());
(async () => {
  write(area, text);
  const {blocks} = await read('v1/prompt/outline');
  const shown = () => document.querySelectorAll('.form fieldset').length;
  const fields = () => [...document.querySelectorAll('.form fieldset label textarea')];
  const filled = () => fields().filter(f => f.value !== '').length;
  const first = new Set(blocks.flatMap((b, i) => b.fields.filter((f, k) => b.fields.findIndex(g => g.name === f.name) === k && f.content_end > f.content_begin).map(f => `${i} ${f.name}`)));
  for (let i = 0; document.querySelector('.form').ariaBusy !== 'false'; ++i) {
    if (i > 5000) return 'the engine has not read the text';
    await later(20);
  }
  for (let i = 0; shown() !== blocks.length || filled() !== first.size; ++i) {
    if (i > 100) return `the form shows ${shown()} blocks with ${filled()} fields instead of ${blocks.length} with ${first.size}`;
    await later(20);
  }
  for (const input of fields()) {
    const before = input.value;
    if (before === '') continue;  // writing into it adds a field
    write(input, before);
    if (area.value !== text) return 'writing the same changed the text to ' + area.value;
    write(input, before + ', changed');
    if (area.value === text) return 'a change was lost';
    write(input, before);
    if (area.value !== text) return 'a change taken back left ' + area.value;
  }
  return '';
})().then(done, e => done(String(e)));
"""


@contextlib.contextmanager
def nginx_before(port: int) -> Iterator[str]:
    """The configuration of examples/serve, on ports of this test."""
    outer = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(["nginx", "-c", str(nginx_config(pathlib.Path(folder), outer, port))], stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{outer}/newbie/"
            for _ in range(100):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(address + "health", timeout=2).close()
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait()


class Checks:
    def __init__(self, browser: Browser, served: Served, out: pathlib.Path) -> None:
        self.b, self.served, self.out = browser, served, out

    # ---- helpers ----
    def fresh(self, seed: int = 7, steps: int = 4) -> None:
        """The page as somebody meets it who was never here, set to draw quickly."""
        self.b.go(self.served.address + "health")
        self.b.js("localStorage.clear()")
        self.b.js_later("const d = indexedDB.deleteDatabase('newbie'); d.onsuccess = d.onerror = d.onblocked = () => arguments[0]()")
        self.b.js("localStorage.setItem('newbie.settings', arguments[0]); localStorage.setItem('newbie.keepSeed', 'true')",
                  json.dumps({"steps": steps, "seed": seed, "width": 128, "height": 128}))  # fmt: skip
        self.b.go(self.served.address)
        self.b.wait("return document.querySelector('.cost')?.textContent.includes('×')", what="the plan")

    def draw(self) -> None:
        self.b.click(self.b.by_text("button", "Draw"))

    def tiles(self) -> int:
        return int(self.b.js("return document.querySelectorAll('.tile').length"))  # type: ignore[arg-type]

    def wait_for_tiles(self, count: int) -> None:
        self.b.wait("return document.querySelectorAll('.tile').length >= arguments[0]", count, what=f"{count} pictures")

    def set_prompt(self, text: str) -> None:
        self.b.js("const a = document.querySelector('.layers textarea'); a.value = arguments[0]; a.dispatchEvent(new Event('input'))", text)

    def prompt(self) -> str:
        return str(self.b.js("return document.querySelector('.layers textarea').value"))

    def field(self, name: str, value: str) -> None:
        """Writes into a field of the settings."""
        self.b.js("const i = document.querySelector(`[data-field=${arguments[0]}] input:not([type=checkbox])`);"
                  "i.value = arguments[1]; i.dispatchEvent(new Event('input'))", name, value)  # fmt: skip

    def downloaded(self, folder: str) -> pathlib.Path:
        for _ in range(200):
            files = [f for f in pathlib.Path(folder).iterdir() if f.suffix == ".png"]
            if files:
                return files[0]
            time.sleep(0.05)
        raise AssertionError("nothing was downloaded")

    def tab_to(self, name: str) -> None:
        """By the key alone, to the control of that name."""
        for _ in range(300):
            self.b.keys(TAB)
            if self.b.js("const e = document.activeElement; return (e?.getAttribute('aria-label') ?? e?.textContent ?? '').trim()") == name:
                return
        raise AssertionError(f"the keyboard does not reach {name}")

    def shot(self, name: str) -> None:
        """Once nothing fades in any more; what turns for ever is not waited for."""
        self.b.wait("return document.getAnimations().every(a => a.playState !== 'running' || "
                    "a.effect.getComputedTiming().iterations === Infinity)", what="still pictures")
        self.b.screenshot(self.out / f"{name}.png")

    def drop(self, data: bytes) -> None:
        self.b.js("""
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
            data.items.add(new File([bytes], 'picture.png', {type: 'image/png'}));
            document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));""",
                  base64.b64encode(data).decode())  # fmt: skip

    # ---- what a person does ----
    def draws_and_the_download_is_the_servers_file(self) -> None:
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        self.b.wait(r"return /^done · seed \d+ · [\d.]+ s$/.test(document.querySelector('.state').textContent)")
        self.b.click(self.b.find(".tile"))
        self.b.wait("return document.querySelector('dialog.viewer').open")
        self.shot("wide-light-picture")
        job = json.loads(self.served.get("v1/jobs"))["jobs"][0]
        with tempfile.TemporaryDirectory() as folder:
            self.b.downloads_to(folder)
            self.b.click(self.b.by_text("a", "Download"))
            file = self.downloaded(folder)
            assert file.name == job["pictures"][0]["file_name"], file.name
            assert file.read_bytes() == self.served.get(job["pictures"][0]["url"])

    def draws_the_same_bytes_again(self) -> None:
        self.b.click(self.b.by_text("button", "Draw again and compare the bytes"))
        self.b.wait("return document.querySelector('.facts [role=status]').textContent.includes('same bytes')",
                    what="the verdict")  # fmt: skip
        self.b.click(self.b.find("dialog.viewer .close"))

    def keys_alone_draw_and_composing_does_not(self) -> None:
        self.fresh(seed=11)
        area = self.b.find(".layers textarea")
        self.b.click(area)
        self.b.cdp("Input.imeSetComposition", text="あお", selectionStart=2, selectionEnd=2)
        self.b.js("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, isComposing: true, bubbles: true}))")
        time.sleep(0.3)
        assert self.b.js("return document.querySelector('.result progress').hidden || !document.querySelector('.result progress').offsetParent")
        self.b.cdp("Input.insertText", text="あお")
        self.b.keys(CONTROL, ENTER)
        self.wait_for_tiles(1)
        assert "あお" in self.prompt()

    def a_reload_in_the_middle_finds_the_job_again(self) -> None:
        self.fresh(steps=300)
        self.draw()
        self.b.wait("return document.querySelector('.state').textContent.includes('step')", what="a step")
        self.b.go(self.served.address)
        self.b.wait("return document.querySelector('.state').textContent.includes('step')", what="the job after a reload")
        self.b.click(self.b.by_text("button", "Cancel"))
        self.b.wait("return document.querySelector('.state').textContent.includes('cancelled')", what="its end")

    def a_prompt_outlives_a_reload(self) -> None:
        self.fresh()
        self.set_prompt("what I wrote,\nin two lines")
        self.b.go(self.served.address)
        self.b.wait("return document.querySelector('.layers textarea').value !== ''", what="the prompt after a reload")
        assert self.prompt() == "what I wrote,\nin two lines", self.prompt()

    def a_queue_can_be_seen_and_changed(self) -> None:
        self.fresh(steps=300)
        for _ in range(3):
            self.draw()
        self.b.wait("return document.querySelectorAll('.queue li').length === 3", what="three jobs")
        self.shot("wide-light-queue")
        while self.b.js("return document.querySelectorAll('.queue li').length"):
            with contextlib.suppress(BrowserError):
                self.b.click(self.b.find(".queue li:last-child button:last-child"))
            time.sleep(0.1)
        with contextlib.suppress(BrowserError):
            self.b.click(self.b.by_text("button", "Cancel"))
        self.b.wait("return document.querySelector('.result progress').hidden", what="an empty queue")

    def twelve_jobs_leave_room_for_other_calls(self) -> None:
        """A browser has six connections to a server: a stream for each job would take them all."""
        self.fresh(steps=200)
        for _ in range(3):
            self.b.click(self.b.by_text("button", "Next 4 seeds"))
        self.b.wait("return document.querySelectorAll('.queue li').length === 12", what="twelve jobs")
        self.set_prompt("<character_1>\n<apearance>x</apearance>\n</character_1>")
        self.b.wait("return document.querySelector('.findings li')", what="an answer beside them")
        for job in json.loads(self.served.get("v1/jobs"))["jobs"]:
            self.b.js_later("const done = arguments[1]; fetch('v1/jobs/' + arguments[0], {method: 'DELETE'}).then(() => done())", job["id"])
        self.b.wait("return document.querySelector('.queue-panel').hidden", what="an empty queue")

    def the_form_and_the_text_are_one(self) -> None:
        self.fresh()
        text = "before <character_1>\n<n>aoi</n>\n<odd>kept</odd>\n<appearance>blue_hair</appearance>\n</character_1> after"
        self.set_prompt(text)
        self.b.click(self.b.by_text("button", "Form"))
        self.b.wait("return [...document.querySelectorAll('.form label')].some(l => l.firstChild.textContent === 'odd')", what="the form")
        field = "[...document.querySelectorAll('.form label')].find(l => l.firstChild.textContent === arguments[0]).querySelector('textarea')"
        assert self.b.js(f"return {field}.value", "appearance") == "blue_hair"
        self.b.js(f"const i = {field}; i.focus(); i.value = 'red_hair'; i.dispatchEvent(new Event('input')); i.value = 'red_hair, smile'; i.dispatchEvent(new Event('input'))", "appearance")
        assert self.prompt() == text.replace("blue_hair", "red_hair, smile"), self.prompt()
        self.b.wait("return document.querySelector('.form').ariaBusy === 'false'", what="the engine's reading")
        self.b.js(f"const i = {field}; i.focus(); i.value = 'white_dress'; i.dispatchEvent(new Event('input'))", "clothing")
        assert "<clothing>white_dress</clothing>" in self.prompt() and "<odd>kept</odd>" in self.prompt()
        self.shot("wide-light-form")
        self.b.click(self.b.by_text("button", "Text"))

    def a_slip_is_told_with_its_place(self) -> None:
        self.fresh()
        self.set_prompt("<character_1>\n<n>aoi\n<gender>1girl</gender>\n</character_1>")
        self.b.wait("return document.querySelector('.findings li')", what="a finding")
        assert "line 2" in str(self.b.js("return document.querySelector('.findings').textContent"))

    def a_picture_gives_its_settings_back(self) -> None:
        self.fresh(seed=21)
        self.draw()
        self.wait_for_tiles(1)
        self.set_prompt("something else")
        job = json.loads(self.served.get("v1/jobs"))["jobs"][0]
        self.drop(self.served.get(job["pictures"][0]["url"]))
        self.b.wait("return document.querySelector('.layers textarea').value.includes('aoi')", what="the prompt of the picture")
        assert json.loads(str(self.b.js("return localStorage.getItem('newbie.settings')")))["seed"] == 21

    def a_mask_is_exact_at_any_zoom(self) -> None:
        self.fresh()
        width, height = 64, 32
        rows = b"".join(b"\0" + b"\x80\x40\x20" * width for _ in range(height))
        chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
        png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        self.b.js("""
            const bytes = Uint8Array.from(atob(arguments[0]), c => c.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'start.png', {type: 'image/png'}));
            const input = document.querySelector('.init input[type=file]');
            input.files = data.files;
            input.dispatchEvent(new Event('change'));""", base64.b64encode(png).decode())
        self.b.wait("return document.querySelector('.mask-stage canvas')?.width === 64", what="the mask's canvas")
        self.b.cdp("Emulation.setPageScaleFactor", pageScaleFactor=1)
        self.b.js("document.body.style.zoom = '0.8'; const s = document.querySelector('[aria-label=\"Size of the brush\"]'); s.value = 10; s.dispatchEvent(new Event('input'))")
        self.b.js("""
            const c = document.querySelector('.mask-stage canvas');
            const box = c.getBoundingClientRect();
            const at = (x, y) => ({clientX: box.left + (x + 0.5) / 64 * box.width, clientY: box.top + (y + 0.5) / 32 * box.height, pointerId: 1, bubbles: true});
            c.setPointerCapture = () => undefined;
            c.dispatchEvent(new PointerEvent('pointerdown', at(16, 16)));
            c.dispatchEvent(new PointerEvent('pointermove', at(48, 16)));
            c.dispatchEvent(new PointerEvent('pointerup', at(48, 16)));""")
        column = self.b.js("""
            const c = document.querySelector('.mask-stage canvas');
            const d = c.getContext('2d').getImageData(32, 0, 1, 32).data;
            return [...Array(32).keys()].filter(y => d[4 * y + 3] >= 128)""")
        assert column and column[0] in (11, 12) and column[-1] in (20, 21), column  # type: ignore[index]
        self.b.js("document.body.style.zoom = ''")

    def the_server_may_go_and_come_back(self) -> None:
        self.fresh()
        self.set_prompt("what I wrote")
        self.served.stop()
        self.draw()
        self.b.wait("return document.querySelector('.notices').textContent.includes('does not answer')", what="the notice")
        assert self.prompt() == "what I wrote"
        self.served.start()
        self.b.wait("return !document.querySelector('.notices').textContent.includes('does not answer')", what="its return")
        self.b.errors()  # connections that were refused are told by the browser itself
        self.draw()
        self.wait_for_tiles(1)

    def a_full_disk_does_not_stop_it(self) -> None:
        self.fresh()
        self.b.js("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }; IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }")
        self.draw()
        self.wait_for_tiles(1)

    def two_pictures_are_compared(self) -> None:
        self.fresh(seed=31)
        self.draw()
        self.wait_for_tiles(1)
        self.field("seed", "32")
        self.draw()
        self.wait_for_tiles(2)
        self.b.click(self.b.find(".tile"))
        self.b.click(self.b.by_text("button", "Compare with…"))
        self.b.click(self.b.find(".tile:last-child"))
        self.b.wait("return document.querySelector('.compare .numbers')?.textContent.includes('PSNR')", what="numbers")
        self.shot("wide-light-compare")
        self.b.click(self.b.find("dialog.viewer .close"))

    def what_does_not_fit_says_what_would(self) -> None:
        self.fresh()
        self.field("width", "16384")
        self.field("height", "16384")
        self.b.wait("return document.querySelector('button.primary').disabled", what="a refusal", seconds=300)
        self.b.wait("return document.querySelector('.cost button')", what="what would fit")
        self.shot("wide-light-refused")
        self.b.click(self.b.find(".cost button"))
        self.b.wait("return !document.querySelector('button.primary').disabled", what="a plan that fits", seconds=300)
        self.b.errors()  # the browser itself tells the refusal

    def delete_can_be_undone(self) -> None:
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        self.b.click(self.b.find(".tile"))
        self.b.click(self.b.by_text("button", "Delete"))
        self.b.wait("return document.querySelectorAll('.tile').length === 0")
        self.b.click(self.b.by_text("button", "Undo"))
        self.wait_for_tiles(1)

    def no_key_deletes(self) -> None:
        """Neither on the page nor in the viewer, where the picture is shown that it could mean."""
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        for place in ("page", "viewer"):
            if place == "viewer":
                self.b.click(self.b.find(".tile"))
                self.b.wait("return document.querySelector('dialog.viewer').open")
            self.b.js("document.activeElement.blur()")
            for keys in ((DELETE,), (BACKSPACE,), (CONTROL, DELETE)):
                self.b.keys(*keys)
            assert self.tiles() == 1, place
        self.b.click(self.b.find("dialog.viewer .close"))

    def every_prompt_is_the_same_in_the_form(self) -> None:
        """Writing what a field shows changes nothing, and a change taken back leaves the text as it was: of all example
        prompts and of 200 made-up ones."""
        self.fresh()
        self.b.click(self.b.by_text("button", "Form"))
        for text in [*example_prompts(), *made_up_prompts(200)]:
            text = text.replace("\r", "")  # a textarea has none
            problem = self.b.js_later(ROUND_TRIP, text)
            assert problem == "", f"{problem} of {text!r}"
        self.b.click(self.b.by_text("button", "Text"))

    def fast_typing_in_an_empty_field_loses_nothing(self) -> None:
        self.fresh()
        self.set_prompt("<character_1>\n<gender>1girl</gender>\n</character_1>")
        self.b.click(self.b.by_text("button", "Form"))
        self.b.wait("return document.querySelector('.form').ariaBusy === 'false' && document.querySelectorAll('.form fieldset').length === 1", what="the form")
        field = self.b.js("return [...document.querySelectorAll('.form label')].find(l => l.firstChild.textContent === 'clothing').querySelector('textarea')")
        self.b.type(str(field[ELEMENT]), "white_dress, hat")  # type: ignore[index]
        self.b.wait("return document.querySelector('.layers textarea').value.includes('<clothing>white_dress, hat</clothing>')", what="all of it", seconds=10)
        self.b.click(self.b.by_text("button", "Text"))

    def a_slip_can_be_fixed(self) -> None:
        self.fresh()
        self.set_prompt("<character_1>\n<gender>1girl</gender>\n<apearance>blue_hair</apearance>\n</character_1>")
        self.b.wait("return [...document.querySelectorAll('.findings button')].some(b => b.textContent === 'Fix')", what="a fix")
        self.shot("wide-light-lint")
        self.b.click(self.b.find(".findings button.small"))
        self.b.wait("return document.querySelector('.layers textarea').value.includes('<appearance>')", what="the fixed text")

    def seeds_of_64_bits_stay_exact(self) -> None:
        self.fresh()
        self.field("seed", str(2**64 - 1))
        self.draw()
        self.wait_for_tiles(1)
        job = json.loads(self.served.get("v1/jobs"))["jobs"][0]
        assert job["pictures"][0]["seed"] == str(2**64 - 1), job["pictures"]

    def a_long_chinese_prompt_draws_and_its_file_has_a_short_name(self) -> None:
        self.fresh()
        self.set_prompt("蓝色头发的女孩，" * 250)
        self.draw()
        self.wait_for_tiles(1)
        name = json.loads(self.served.get("v1/jobs"))["jobs"][0]["pictures"][0]["file_name"]
        assert re.fullmatch(r"newbie-\d+-[0-9a-f]{8}\.png", name), name

    def two_precisions_are_compared(self) -> None:
        self.fresh(seed=5)
        self.draw()
        self.wait_for_tiles(1)
        self.b.click(self.b.find(".tile"))
        self.b.js("const m = [...document.querySelectorAll('.facts select')].find(m => m.getAttribute('aria-label') === 'Compare with precision');"
                  "m.value = [...m.options].map(o => o.value).find(v => v === 'f16'); m.dispatchEvent(new Event('change'))")  # fmt: skip
        self.b.wait("return document.querySelector('.compare .numbers')?.textContent.includes('PSNR')", what="numbers")
        self.b.js("document.querySelector('.compare input[type=checkbox]').click()")
        self.shot("wide-light-precisions")
        self.b.click(self.b.find("dialog.viewer .close"))

    def a_template_is_kept_and_let_go(self) -> None:
        self.fresh()
        self.set_prompt("my own prompt")
        self.b.js("document.querySelectorAll('details').forEach(d => d.open = true)")
        self.b.type(self.b.find(".template-name"), "mine")
        self.b.click(self.b.by_text("button", "Keep this prompt as a template"))
        self.set_prompt("another")
        self.b.go(self.served.address)
        self.b.wait("return document.querySelector('select option[value=\"template:mine\"]')", what="the template")
        self.b.js("const s = document.querySelector('option[value=\"template:mine\"]').closest('select'); s.value = 'template:mine'; s.dispatchEvent(new Event('change'))")
        assert self.prompt() == "my own prompt"
        self.b.js("document.querySelectorAll('details').forEach(d => d.open = true)")
        self.b.click(self.b.find("[aria-label='Delete template mine']"))
        assert not self.b.js("return document.querySelector('option[value=\"template:mine\"]')")

    def a_key_is_asked_for_once(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            keys = pathlib.Path(folder) / "keys"
            keys.write_text("me: 0123456789abcdef\n")
            served = Served(self.served.program, self.served.model, "--api-key-file", str(keys))
            try:
                self.b.go(served.address)
                self.b.js("localStorage.clear()")
                self.b.go(served.address)
                self.b.wait("return document.querySelector('.notices input[type=password]')", what="the question for a key")
                self.shot("wide-light-key")
                self.b.type(self.b.find(".notices input"), "0123456789abcdef" + ENTER)
                self.b.wait("return document.querySelector('.cost')?.textContent.includes('×')", what="the plan")
                self.field("steps", "2")
                self.draw()
                self.wait_for_tiles(1)
                self.b.errors()  # the browser itself tells each 401
            finally:
                served.stop()

    def works_under_a_path_of_nginx(self) -> None:
        if shutil.which("nginx") is None:
            print("        (no nginx: not checked)")
            return
        with nginx_before(self.served.port) as address:
            self.b.go(address)
            self.b.wait("return document.querySelector('.cost')?.textContent.includes('×')", what="the plan")
            self.field("steps", "4")
            self.draw()
            self.wait_for_tiles(1)

    def the_keyboard_alone_draws_and_saves(self) -> None:
        self.fresh(seed=41)
        with tempfile.TemporaryDirectory() as folder:
            self.b.downloads_to(folder)
            self.tab_to("Draw")
            self.b.keys(ENTER)
            self.wait_for_tiles(1)
            self.tab_to("Picture with seed 41")
            self.b.keys(ENTER)
            self.b.wait("return document.querySelector('dialog.viewer').open")
            self.tab_to("Download")
            self.b.keys(ENTER)
            self.downloaded(folder)
            self.b.keys(ESCAPE)
            self.b.wait("return !document.querySelector('dialog.viewer').open", what="the viewer's end")
            self.b.keys("?")
            self.b.wait("return document.querySelector('dialog.sheet').open", what="the shortcuts")
            self.b.keys(ESCAPE)

    def two_hundred_pictures_are_there_and_found(self) -> None:
        self.fresh(seed=51)
        self.draw()
        self.wait_for_tiles(1)
        self.b.js_later("""
            const done = arguments[0], asked = indexedDB.open('newbie', 1);
            asked.onsuccess = () => {
              const all = asked.result.transaction('pictures', 'readwrite').objectStore('pictures');
              all.getAll().onsuccess = e => {
                const first = e.target.result[0];
                for (let i = 1; i < 200; ++i) all.put({...first, key: `copy/${i}`, time: i, prompt: `prompt number ${i}`});
                all.transaction.oncomplete = () => { asked.result.close(); done(); };
              };
            };""")
        self.b.go(self.served.address)
        self.b.wait("return document.querySelectorAll('.tile').length === 200", what="200 pictures")
        longest = self.b.js_later("""
            const done = arguments[0], tasks = [];
            new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration))).observe({type: 'longtask'});
            let at = 0;
            const scroll = () => { scrollTo(0, at += 150); at < document.body.scrollHeight ? requestAnimationFrame(scroll) : setTimeout(() => done(Math.max(0, ...tasks)), 200); };
            scroll();""")  # fmt: skip
        print(f"        (the longest task while scrolling 200 pictures: {longest} ms)")
        self.b.js("const s = document.querySelector('input[type=search]'); s.value = 'NUMBER 77'; s.dispatchEvent(new Event('input'))")
        self.b.wait("return document.querySelectorAll('.tile').length === 1", what="the picture that was sought")

    def the_bundle_is_small(self) -> None:
        page = self.served.get("").decode()
        files = re.findall(r'(?:src|href)="(assets/[^"]+)"', page)
        assert len(files) == 2, files
        packed = sum(len(gzip.compress(self.served.get(f))) for f in files)
        print(f"        (script and style: {packed} bytes gzipped)")
        assert packed <= 150_000, packed

    def every_control_has_a_name(self) -> None:
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        self.b.js("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert self.b.unnamed_controls() == [], self.b.unnamed_controls()

    def no_width_scrolls_sideways(self) -> None:
        for width, height, dark, name in [(320, 640, False, ""), (360, 740, True, "phone-dark"), (768, 1024, False, ""),
                                          (1440, 900, False, "wide-light"), (1440, 900, True, "wide-dark"), (2560, 1300, False, "")]:  # fmt: skip
            self.b.size(width, height, mobile=width < 500)
            self.b.dark(dark)
            time.sleep(0.2)
            over = self.b.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{width} pixels: {over} too wide"  # type: ignore[operator]
            if name:
                self.shot(name)
        self.b.cdp("Emulation.clearDeviceMetricsOverride")
        self.b.dark(False)

    def chinese_is_whole(self) -> None:
        self.b.js("const s = document.querySelector('header select'); s.value = 'zh'; s.dispatchEvent(new Event('change'))")
        self.b.wait("return document.documentElement.lang === 'zh' && document.querySelector('button.primary').textContent === '绘制'")
        self.shot("wide-light-zh")
        self.b.js("const s = document.querySelector('header select'); s.value = 'en'; s.dispatchEvent(new Event('change'))")

    def the_console_has_no_error(self) -> None:
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        self.b.js("document.querySelector('.tile').click()")
        errors = [e for e in self.b.errors() if "favicon" not in e]
        assert errors == [], errors


def main() -> None:
    program, model, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    wanted = sys.argv[4:]
    for tool in ("chromedriver",):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is missing: apt-get install chromium chromium-driver")
    out.mkdir(parents=True, exist_ok=True)
    served = Served(program, model)
    browser = Browser()
    checks = Checks(browser, served, out)
    helpers = ("fresh", "draw", "tiles", "wait_for_tiles", "set_prompt", "prompt", "shot", "field", "downloaded", "drop", "tab_to")
    order: list[Callable[[], None]] = [value.__get__(checks) for name, value in vars(Checks).items()
                                       if not name.startswith("_") and name not in helpers and (not wanted or name in wanted)]  # fmt: skip
    failed = []
    try:
        for check in order:
            try:
                check()
                print(f"ok      {check.__name__}", flush=True)
            except (AssertionError, BrowserError) as e:
                failed.append(check.__name__)
                print(f"FAILED  {check.__name__}: {e}", flush=True)
                browser.screenshot(out / f"failed-{check.__name__}.png")
    finally:
        browser.close()
        served.stop()
    print(f"{len(order) - len(failed)} passed, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

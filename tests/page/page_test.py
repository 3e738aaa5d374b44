#!/usr/bin/env python3
"""The page in a real browser: page_test.py NEWBIE MODEL SCREENSHOTS

Starts `newbie serve` on a free port of the loopback, opens the page in Debian's Chromium, and uses it as a person would.
Screenshots of what it saw go to SCREENSHOTS. Prints a line a check; the last line counts them."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.request
import zlib
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Browser, BrowserError, free_port  # noqa: E402

CONTROL, ENTER, ESCAPE, TAB = "\ue009", "\ue007", "\ue00c", "\ue004"


class Served:
    """A server that can be ended and started again on its port."""

    def __init__(self, program: str, model: str, *flags: str) -> None:
        self.port = free_port()
        self._command = [program, "serve", "-m", model, "--port", str(self.port), *flags]
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(600):
            if self._process.poll() is not None:
                raise SystemExit(f"newbie serve ended: {self._process.stderr.read()}")
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(self.address + "ready", timeout=2):
                    return
            time.sleep(0.1)
        raise SystemExit("newbie serve is not ready after a minute")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read()


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

    def shot(self, name: str) -> None:
        self.b.screenshot(self.out / f"{name}.png")

    # ---- what a person does ----
    def draws_and_the_download_is_the_servers_file(self) -> None:
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        self.b.click(self.b.find(".tile"))
        self.b.wait("return document.querySelector('dialog.viewer').open")
        data = self.b.js_later("fetch(document.querySelector('a[download]').href).then(r => r.arrayBuffer())"
                               ".then(a => arguments[0](btoa(String.fromCharCode(...new Uint8Array(a)))))")  # fmt: skip
        job = json.loads(self.served.get("v1/jobs"))["jobs"][0]
        assert base64.b64decode(str(data)) == self.served.get(job["pictures"][0]["url"])
        self.shot("wide-light-picture")

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

    def the_form_and_the_text_are_one(self) -> None:
        self.fresh()
        text = "before <character_1>\n<n>aoi</n>\n<odd>kept</odd>\n<appearance>blue_hair</appearance>\n</character_1> after"
        self.set_prompt(text)
        self.b.click(self.b.by_text("button", "Form"))
        self.b.wait("return document.querySelector('.form fieldset')", what="the form")
        field = "[...document.querySelectorAll('.form label')].find(l => l.firstChild.textContent === arguments[0]).querySelector('input')"
        assert self.b.js(f"return {field}.value", "appearance") == "blue_hair"
        self.b.js(f"const i = {field}; i.focus(); i.value = 'red_hair'; i.dispatchEvent(new Event('input')); i.value = 'red_hair, smile'; i.dispatchEvent(new Event('input'))", "appearance")
        assert self.prompt() == text.replace("blue_hair", "red_hair, smile"), self.prompt()
        self.b.wait("return document.querySelector('.form fieldset') && true")
        time.sleep(0.6)
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
        self.b.js_later("""
            const done = arguments[0];
            fetch(document.querySelector('.tile img').src).then(r => r.blob()).then(blob => {
              const data = new DataTransfer();
              data.items.add(new File([blob], 'picture.png', {type: 'image/png'}));
              document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
              done();
            })""")
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
        self.b.js("const i = [...document.querySelectorAll('.field')].find(f => f.textContent.startsWith('seed')).querySelector('input'); i.value = '32'; i.dispatchEvent(new Event('input'))")
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
        self.b.js("for (const name of ['width', 'height']) { const i = [...document.querySelectorAll('.field')].find(f => f.textContent.startsWith(name)).querySelector('input'); i.value = '16384'; i.dispatchEvent(new Event('input')) }")
        self.b.wait("return document.querySelector('button.primary').disabled", what="a refusal")
        self.shot("wide-light-refused")

    def delete_can_be_undone(self) -> None:
        self.fresh()
        self.draw()
        self.wait_for_tiles(1)
        self.b.click(self.b.find(".tile"))
        self.b.click(self.b.by_text("button", "Delete"))
        self.b.wait("return document.querySelectorAll('.tile').length === 0")
        self.b.click(self.b.by_text("button", "Undo"))
        self.wait_for_tiles(1)

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
    for tool in ("chromedriver",):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is missing: apt-get install chromium chromium-driver")
    out.mkdir(parents=True, exist_ok=True)
    served = Served(program, model)
    browser = Browser()
    checks = Checks(browser, served, out)
    order: list[Callable[[], None]] = [value.__get__(checks) for name, value in vars(Checks).items()
                                       if not name.startswith("_") and name not in ("fresh", "draw", "tiles", "wait_for_tiles", "set_prompt", "prompt", "shot")]  # fmt: skip
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

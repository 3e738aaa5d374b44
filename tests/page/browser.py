"""A browser by the WebDriver protocol, with the standard library alone: chromedriver is Debian's."""

import base64
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from proxied import free_port  # noqa: E402

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class BrowserError(Exception):
    pass


class Browser:
    def __init__(self, *, language: str = "en-US", width: int = 1440, height: int = 900) -> None:
        port = free_port()
        self._driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)  # fmt: skip
        self._base = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--lang={language}",
                     f"--window-size={width},{height}"]  # fmt: skip
        options = {"args": arguments, "prefs": {"intl.accept_languages": language}}
        for _ in range(100):
            try:
                made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
                    "browserName": "chrome", "goog:chromeOptions": options,
                    "goog:loggingPrefs": {"browser": "ALL"}}}})  # fmt: skip
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        else:
            raise BrowserError("chromedriver did not start")
        self._session = f"/session/{made['sessionId']}"
        self.call("POST", "/timeouts", {"script": 240_000})  # of a machine that does other things, too

    def _call(self, method: str, path: str, body: object = None) -> object:
        data = None if body is None and method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._base + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise BrowserError(json.load(e)["value"]["message"]) from None

    def call(self, method: str, path: str, body: object = None) -> object:
        return self._call(method, self._session + path, body)

    def cdp(self, command: str, **params: object) -> object:
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def go(self, address: str) -> None:
        self.call("POST", "/url", {"url": address})

    def js(self, script: str, *arguments: object) -> object:
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def js_later(self, script: str, *arguments: object) -> object:
        """The script calls its last argument with what it gives."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def wait(self, script: str, *arguments: object, seconds: float = 60, what: str = "") -> object:
        """Until the script gives something true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            got = self.js(script, *arguments)
            if got:
                return got
            time.sleep(0.05)
        raise BrowserError(f"waited {seconds} s for {what or script}")

    def find(self, selector: str) -> str:
        return str(self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT])  # type: ignore[index]

    def by_text(self, tag: str, text: str) -> str:
        path = f"//{tag}[normalize-space()='{text}']"
        return str(self.call("POST", "/element", {"using": "xpath", "value": path})[ELEMENT])  # type: ignore[index]

    def click(self, element: str) -> None:
        self.call("POST", f"/element/{element}/click")

    def type(self, element: str, text: str) -> None:
        self.call("POST", f"/element/{element}/value", {"text": text})

    def keys(self, *keys: str) -> None:
        """Pressed together, in order, and let go."""
        actions = [{"type": "keyDown", "value": k} for k in keys] + [{"type": "keyUp", "value": k} for k in reversed(keys)]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def screenshot(self, path: pathlib.Path) -> None:
        path.write_bytes(base64.b64decode(str(self.call("GET", "/screenshot"))))

    def size(self, width: int, height: int, *, mobile: bool = False, scale: float = 1) -> None:
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)

    def dark(self, on: bool) -> None:
        self.cdp("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])  # fmt: skip

    def downloads_to(self, folder: str) -> None:
        self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)

    def errors(self) -> list[str]:
        """Of the console, since the last time this was asked."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] == "SEVERE"]  # type: ignore[union-attr,index]

    def unnamed_controls(self) -> list[str]:
        """Of the accessibility tree: what a screen reader could not name."""
        tree = self.cdp("Accessibility.getFullAXTree")["nodes"]  # type: ignore[index]
        controls = {"button", "textbox", "combobox", "checkbox", "slider", "spinbutton", "link", "searchbox", "tab", "listbox", "image", "progressbar", "meter"}
        out = []
        for node in tree:
            role = node.get("role", {}).get("value", "")
            if not node.get("ignored") and role in controls and not node.get("name", {}).get("value", "").strip():
                out.append(role)
        return out

    def close(self) -> None:
        try:
            self.call("DELETE", "")
        except (BrowserError, urllib.error.URLError):
            pass
        self._driver.terminate()
        self._driver.wait()

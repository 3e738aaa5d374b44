#!/usr/bin/env python3
"""first_paint.py NEWBIE MODEL [LOADS=5]

When the page is painted first, and when it can be used, on a CPU that Chromium slows to a quarter. Prints figures, and
compares none with a clock: to be read on a machine that does nothing else.
"""

import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Browser  # noqa: E402
from page_test import Served  # noqa: E402

PAINTED = "return performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)[0] || 0"
# Usable: the prompt can be typed into, and the server's lists are there.
USABLE = """
const done = arguments[arguments.length - 1];
const look = () => document.querySelector('.layers textarea') && document.querySelectorAll('select option').length > 4
  ? done(performance.now()) : requestAnimationFrame(look);
look();
"""


def main() -> None:
    served = Served(sys.argv[1], sys.argv[2])
    browser = Browser()
    painted, usable = [], []
    try:
        browser.go(served.address)  # the server has read the page by then
        browser.cdp("Network.enable")
        browser.cdp("Network.setCacheDisabled", cacheDisabled=True)
        browser.cdp("Emulation.setCPUThrottlingRate", rate=4)
        for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 5):
            browser.go(served.address)
            usable.append(browser.js_later(USABLE))
            painted.append(browser.js(PAINTED))
    finally:
        browser.close()
        served.stop()
    for what, values in (("first paint", painted), ("usable", usable)):
        print(f"{what}: median {statistics.median(values):.0f} ms ({min(values):.0f} to {max(values):.0f}, {len(values)} loads)")


if __name__ == "__main__":
    main()

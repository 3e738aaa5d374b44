#!/usr/bin/env python3
"""What Mesa's compiler for AMD's chips makes of our kernels, for chips that are not there.

Usage: tests/vulkan/static_kernels.py TEST_VULKAN [--write FILE]

Mesa's AMD driver compiles for a chip named by RADV_FORCE_FAMILY without one, and says what it made. Every pipeline that
the four networks need at full size is compiled for each chip, and a table says the most vector registers and the fewest
waves of each kernel. Fails where registers spill or arrays lie in scratch memory. Without that driver (Debian:
mesa-vulkan-drivers) it ends with 77, skipped.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

CHIPS = ["polaris10", "vega10", "navi21", "gfx1100"]
BEGIN, END = "<!-- kernels by chip: begin -->", "<!-- kernels by chip: end -->"
DRIVER = pathlib.Path("/usr/share/vulkan/icd.d/radeon_icd.x86_64.json")
SKIPPED = 77


def pipelines(test, chip):
    """(kernel, what the driver says by name) of each."""
    env = os.environ | {"VK_ICD_FILENAMES": str(DRIVER), "VK_DRIVER_FILES": str(DRIVER), "RADV_FORCE_FAMILY": chip,
                        "RADV_DEBUG": "shaderstats,nocache"}
    done = subprocess.run([test, "--gtest_also_run_disabled_tests", "--gtest_filter=VulkanStatic.*"], capture_output=True,
                          text=True, errors="replace", env=env)
    if done.returncode != 0:
        sys.exit(f"{chip}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    out, kernel, numbers = [], None, {}
    for line in done.stderr.splitlines():
        if line.startswith("KERNEL "):
            kernel = line[7:].split(", ")[0].split(": ")[1].removeprefix("vulkan.")
        found = re.match(r"\s*(VGPRs|VGPRS|Spilled SGPRs|Spilled VGPRs|LDS size|Scratch size|Max Waves|Subgroups per SIMD)\s*:\s*(\d+)", line)
        if found:
            numbers[found[1]] = int(found[2])
            if found[1] in ("Max Waves", "Subgroups per SIMD"):
                out.append((kernel, numbers))
                numbers = {}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test_vulkan", type=os.path.abspath)
    parser.add_argument("--write", type=pathlib.Path)
    args = parser.parse_args()
    if not DRIVER.exists():
        print("Mesa's AMD driver is not there (Debian: mesa-vulkan-drivers)")
        return SKIPPED
    rows, spilled = {}, []
    for chip in CHIPS:
        made = pipelines(args.test_vulkan, chip)
        if not made:
            print(f"{chip}: the driver said nothing of what it made")
            return 1
        for kernel, numbers in made:
            spills = sum(numbers.get(name, 0) for name in ("Spilled SGPRs", "Spilled VGPRs", "Scratch size"))
            if spills:
                spilled.append(f"{chip}: {kernel}: {numbers}")
            row = rows.setdefault(kernel, {}).setdefault(chip, [0, 0, 10**9])
            row[0] = max(row[0], numbers.get("VGPRs", numbers.get("VGPRS", 0)))
            row[1] += 1
            row[2] = min(row[2], numbers.get("Max Waves", numbers.get("Subgroups per SIMD", 0)))
    lines = ["| kernel | pipelines | " + " | ".join(CHIPS) + " |", "|" + "---|" * (2 + len(CHIPS))]
    for kernel, chips in sorted(rows.items()):
        cells = [f"{chips[c][0]} / {chips[c][2]}" if c in chips else "–" for c in CHIPS]
        lines.append(f"| {kernel} | {max(c[1] for c in chips.values())} | " + " | ".join(cells) + " |")
    print("\n".join(lines))
    if args.write:
        text = args.write.read_text()
        args.write.write_text(text.split(BEGIN)[0] + BEGIN + "\n" + "\n".join(lines) + "\n" + END + text.split(END)[1])
    for line in spilled:
        print(f"spilled: {line}", file=sys.stderr)
    return 1 if spilled else 0


if __name__ == "__main__":
    sys.exit(main())

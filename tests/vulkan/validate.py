#!/usr/bin/env python3
"""Runs the Vulkan backend under Khronos' validation layers, GPU-assisted checks on: any message fails.

Usage: tests/vulkan/validate.py TEST_OPS TEST_VULKAN NEWBIE [--all]

First a planted mistake, which must be told; then every kernel once, in pieces, with copies as on a card, each failing
call of the driver, and a picture. --all: every case in every dtype, and all tests of pictures, which takes long.
Without the layers (Debian: vulkan-validationlayers) it ends with 77, skipped; with NEWBIE_TEST_VULKAN=1 it fails.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SETTINGS = """\
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error,warn,perf
khronos_validation.log_filename = {folder}/messages
"""
GPU_ASSISTED = """\
khronos_validation.enables = VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT,VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_RESERVE_BINDING_SLOT_EXT
"""
SKIPPED = 77


def validated(words, assisted=True):
    """Exit code, output and what the layers said; None where the layers were not loaded."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vk_layer_settings.txt").write_text(SETTINGS.format(folder=folder) + (GPU_ASSISTED if assisted else ""))
        env = os.environ | {
            "VK_INSTANCE_LAYERS": "VK_LAYER_KHRONOS_validation",
            "VK_LAYER_SETTINGS_PATH": str(folder),
            "VK_LOADER_DEBUG": "layer",
        }
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, errors="replace", env=env, cwd=folder)
        if 'Inserted device layer "VK_LAYER_KHRONOS_validation"' not in done.stderr:
            return None
        loader = ("LAYER:", "DEBUG |", "INFO |", "WARNING |")
        output = done.stdout + "\n".join(line for line in done.stderr.splitlines() if not line.lstrip().startswith(loader))
        said = folder / "messages"
        return done.returncode, output, said.read_text(errors="replace") if said.exists() else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test_ops", type=os.path.abspath)
    parser.add_argument("test_vulkan", type=os.path.abspath)
    parser.add_argument("newbie", type=os.path.abspath)
    parser.add_argument("--all", action="store_true")
    args = parser.parse_args()

    planted = validated([args.test_vulkan, "--gtest_also_run_disabled_tests", "--gtest_filter=VulkanPlanted.*"])
    if planted is None:
        print("the validation layers, or a driver for them, are not there (Debian: vulkan-validationlayers mesa-vulkan-drivers)")
        return 1 if os.environ.get("NEWBIE_TEST_VULKAN") == "1" else SKIPPED
    if "out of bounds" not in planted[2].lower() and "oob" not in planted[2].lower():
        print(f"a planted mistake was not told, so silence says nothing:\n{planted[1][-2000:]}\n{planted[2]}")
        return 1

    picture = [args.newbie, "generate", "-p", "a girl", "-W", 32, "-H", 32, "--steps", 1, "--device", "vulkan:llvmpipe",
               "--dtype", "bf16", "--vram", "12MiB", "-q"]
    ops = [args.test_ops, "--gtest_brief=1", "--gtest_filter=" + ("*Vulkan*" if args.all else "Vulkan.*") + "-*DoesNotAnswer*:*Loops*"]
    # The layer's own code looks an address up among all buffers, in a loop; with the hundreds of a picture, or the longest
    # loops of ours, that is more than Mesa's driver for the CPU lets an invocation go round (65,535 times), and the look-up
    # ends too early. A device that does not answer is not destroyed, which the layers would tell.
    runs = [(ops, True), (picture, False)]
    if args.all:
        runs.append(([args.test_vulkan, "--gtest_brief=1", "--gtest_filter=Vulkan*"], False))
    for words, assisted in runs:
        result = validated(words, assisted)
        if result is None:
            print(f"{words}: without layers")
            return 1
        if result[2].strip() or result[0] != 0:
            print(f"{words}: exit code {result[0]}\n{result[1][-4000:]}\nthe layers say:\n{result[2][:8000]}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

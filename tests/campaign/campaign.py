#!/usr/bin/env python3
"""campaign.py PROGRAM MODEL [--only limits,calls,kills,mutants] [--share X] [--seed N]

An attacker's campaign against the program, with counts: little address space, system calls that fail, runs that are
killed, files that were changed at random. Every run ends with an exit code of ours and no signal, draws the right
picture or none, and leaves nothing behind. Takes hours as it stands; --share 0.05 tries a twentieth. Exit 1 when
something was found; what it was is printed with the command that shows it.
"""
import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Of every way out; 127 is the loader's, before the program begins.
EXPECTED = {0, 2, 3, 4, 5, 127}
DRAW = ["generate", "-q", "-p", "1girl", "--steps", "2", "--scheduler", "simple", "-W", "16", "-H", "16", "-t", "1",
        "--cfg-scale", "1", "-o", "out.png"]


class Campaign:
    def __init__(self, program, model, share, seed):
        self.program, self.model = str(Path(program).resolve()), Path(model).resolve()
        self.share, self.random = share, random.Random(seed)
        self.counts, self.faults = {}, []
        self.reference = self.draw({}, None)[1]
        if self.reference is None:
            sys.exit("the program draws nothing to begin with")

    def some(self, things):
        things = list(things)
        return [t for t in things if self.share >= 1 or self.random.random() < self.share]

    def draw(self, environment, limit, model=None, more=()):
        """-> exit code (negative: a signal), the picture or None, names left behind"""
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([self.program, *DRAW, *more, "-m", str(model or self.model)], cwd=folder,
                                  env={**os.environ, **environment}, preexec_fn=limit, timeout=600,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            picture = Path(folder) / "out.png"
            data = picture.read_bytes() if picture.exists() else None
            left = [n for n in os.listdir(folder) if n != "out.png"]
            return done.returncode, data, left, done.stderr.decode("utf-8", "replace")

    def judge(self, part, what, outcome, other_picture_is_wrong=True):
        code, picture, left, words = outcome
        self.counts.setdefault(part, {}).setdefault(code, 0)
        self.counts[part][code] += 1
        if code < 0 or code not in EXPECTED:
            self.faults.append(f"{part} {what}: ended with {code}: {words[:200]}")
        if code == 0 and picture is None:
            self.faults.append(f"{part} {what}: exit 0 without a picture")
        if code != 0 and picture is not None:
            self.faults.append(f"{part} {what}: exit {code} with a picture")
        if other_picture_is_wrong and code == 0 and picture is not None and picture != self.reference and not words:
            self.faults.append(f"{part} {what}: another picture in silence")
        if left:
            self.faults.append(f"{part} {what}: left behind {left}")

    def limits(self):
        """Address space from 40 to 400 MB in steps of 5."""
        for mb in self.some(range(40, 401, 5)):
            limit = lambda mb=mb: resource.setrlimit(resource.RLIMIT_AS, (mb * 10**6, mb * 10**6))
            self.judge("limits", f"{mb} MB", self.draw({}, limit))

    def calls(self):
        """Every call up to 2,000 and 500 random ones above, once and from then on."""
        with tempfile.TemporaryDirectory() as folder:
            shim = str(Path(folder) / "failing_calls.so")
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, str(HERE / "failing_calls.c"), "-ldl"],
                           check=True)
            count_file = Path(folder) / "count"
            for kind in ["malloc", "mmap", "open", "read", "write", "rename", "thread"]:
                base = {"LD_PRELOAD": shim, "NEWBIE_FAIL": kind}
                self.draw({**base, "NEWBIE_FAIL_COUNT": str(count_file)}, None)
                total = int(count_file.read_text())
                numbers = list(range(min(total, 2000)))
                numbers += sorted(self.random.sample(range(2000, total), min(500, total - 2000))) if total > 2000 else []
                for on in ["", "1"]:
                    for n in self.some(numbers):
                        environment = {**base, "NEWBIE_FAIL_AT": str(n)}
                        if on:
                            environment["NEWBIE_FAIL_ON"] = on
                        self.judge(f"{kind}{' from then on' if on else ''}", f"call {n} of {total}",
                                   self.draw(environment, None))

    def kills(self):
        """kill -9 and the gentle signals at random moments, of a picture and of a conversion."""
        for number in self.some(range(400)):
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                sign = self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
                convert = [self.program, "convert", "-q", "--to", self.random.choice(["folder", "comfyui"]),
                           str(self.model), "d"]
                words = self.random.choice([[self.program, *DRAW, "-m", str(self.model), "--weight-cache", "w",
                                             "--text-cache", "t", "--preview", "p.png", "--preview-every", "1"], convert])
                started = time.monotonic()
                if number % 20 == 0 or not hasattr(self, "usual"):
                    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    self.usual = time.monotonic() - started
                    shutil.rmtree(folder), folder.mkdir()
                child = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                time.sleep(self.random.random() * self.usual)
                child.send_signal(sign)
                _, told = child.communicate()
                code = child.returncode
                fine = {0, -9} if sign == signal.SIGKILL else {0, 128 + sign, -sign}
                self.counts.setdefault("kills", {}).setdefault(code, 0)
                self.counts["kills"][code] += 1
                if code not in fine:
                    self.faults.append(f"kills {words[1]} {sign.name}: ended with {code}: {told[:200]!r}")
                again = subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                if again.returncode != 0 and not (words == convert and code == 0):
                    self.faults.append(f"kills {words[1]} {sign.name}: the next run ended with {again.returncode}: "
                                       f"{again.stderr[:200]!r}")
                left = [str(p.relative_to(folder)) for p in folder.rglob(".newbie-*")]
                if left:
                    self.faults.append(f"kills {words[1]} {sign.name}: left behind after the next run: {left}")
                if words[1] == "generate" and (folder / "out.png").read_bytes() != self.reference:
                    self.faults.append("kills: another picture after a kill")

    def mutants(self):
        """Files of the model with bytes changed: refused, or told, or (a weight may change) drawn."""
        files = [p for p in self.model.rglob("*") if p.is_file() and p.suffix in (".json", ".safetensors", ".model")]
        for number in self.some(range(6000)):
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "m"
                shutil.copytree(self.model, copy, copy_function=os.symlink)
                source = self.random.choice(files)
                target = copy / source.relative_to(self.model)
                data = bytearray(source.read_bytes())
                # Most of the header, where a file has one: what numbers and names decide.
                end = min(len(data), 64 << 10)
                for _ in range(self.random.randint(1, 4)):
                    at = self.random.randrange(end)
                    how = self.random.randrange(3)
                    if how == 0:
                        data[at] ^= 1 << self.random.randrange(8)
                    elif how == 1:
                        del data[at:at + self.random.randint(1, 64)]
                    else:
                        data[at:at] = self.random.randbytes(self.random.randint(1, 64))
                    end = max(1, min(len(data), 64 << 10))
                target.unlink()
                target.write_bytes(data)
                self.judge("mutants", f"{source.relative_to(self.model)} number {number}",
                           self.draw({}, None, model=copy), other_picture_is_wrong=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--only", default="limits,calls,kills,mutants")
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    campaign = Campaign(args.program, args.model, args.share, args.seed)
    for part in args.only.split(","):
        getattr(campaign, part)()
    print("| part | runs | exit codes |\n|---|---|---|")
    for part, codes in campaign.counts.items():
        print(f"| {part} | {sum(codes.values())} | "
              f"{', '.join(f'{code}: {times}' for code, times in sorted(codes.items()))} |")
    for fault in campaign.faults:
        print(fault)
    print(f"{len(campaign.faults)} faults")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Likeness to the converged picture against what it costs: sampler x schedule x steps x guidance x cache.

Usage: bench/evaluations.py PROGRAM table [--prompts N] [--work DIR] [--write FILE] [--plot FILE]
       bench/evaluations.py PROGRAM proof [--prompts N] [--work DIR] [--write FILE]
       bench/evaluations.py build/release/bench_latent_distance estimates|grids [--model DIR] [--prompts N] [--dtype D]
                            [--steps N] [--write FILE]

table draws the first N prompts of examples/prompts/avatars.jsonl in every row of ROWS, one process a row, so that all
load the model once. proof draws the default and the three words of --quality for prompts of CAPTIONS that no row was
chosen by, and adds the scores beside the pictures that the captions belong to (newbie evaluate).

estimates draws the same prompts with each of TOLERANCES, and holds the solver's estimate against the true distance.
grids draws the examples with unipc on grids u^p, shifted: what the schedule few_steps was chosen by.

The converged picture is that of rk4 in CONVERGED intervals; the table says how like it is that of midpoint in twice as many
evaluations, which is as near as anything here can come. Likeness is measured by `PROGRAM evaluate` on
the pictures as they are written. Time is what the processors spent on a whole row, texts and decoding included, which
other work on the machine changes little. --work keeps the pictures, and rows that are there are not drawn again.
--write puts the tables between their markers in a Markdown file.
"""

import argparse
import html
import json
import math
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples/prompts/avatars.jsonl"
CAPTIONS = HERE.parents[1] / "shared/data/avatar_val/captions.jsonl"
CONVERGED = 8  # intervals of rk4: four evaluations each, twice with guidance

TOLERANCES = (0.1, 0.2, 0.4)
POWERS, SHIFTS = (1, 1.25, 1.5), (4, 6, 8)  # of grids


def row(sampler, schedule, steps, **more):
    return {"sampler": sampler, "schedule": schedule, "steps": steps, **more}


def table_rows():
    rows = [row("res_multistep", "simple", n) for n in (28, 14, 11, 7)]
    rows += [row("unipc", "few_steps", n) for n in (16, 11, 9, 8, 7, 6, 5)]
    rows += [row("res_multistep", "few_steps", n) for n in (11, 7)]
    rows += [row("res_multistep", "flow_euler", n, shift=4) for n in (11, 7)]
    rows += [row("unipc", "flow_euler", n) for n in (11, 7)]
    rows += [row("dpmpp_2m", "dpm", n) for n in (11, 7)]
    rows += [row("dpmpp_2m", "few_steps", 11)]
    rows += [row("euler", "official", 15), row("midpoint", "official", 8), row("midpoint", "official", 6)]
    rows += [row("heun", "official", 6), row("rk4", "official", 5), row("rk4", "official", 4)]
    rows += [row("unipc", "few_steps", 11, cfg_trunc=t) for t in (0.7, 0.5)]
    rows += [row("unipc", "few_steps", n, cfg_hold=x) for n, x in ((9, 0.3), (11, 0.2), (11, 0.4))]
    rows += [{"tolerance": t} for t in TOLERANCES]
    rows += [row("res_multistep", "simple", 28, cache="linear", cache_threshold=t) for t in (0.02, 0.05)]
    rows += [row("res_multistep", "simple", 28, cache="first-block", cache_threshold=0.04)]
    rows += [row("unipc", "few_steps", 11, cache="linear", cache_threshold=0.05)]
    return rows


PROOF_ROWS = [row("res_multistep", "simple", 28)] + [{"quality": q} for q in ("draft", "normal", "fine")]


def words_of(r):
    if "quality" in r:
        return f"`quality` {r['quality']}"
    if "tolerance" in r:
        return f"tolerance {r['tolerance']}"
    out = f"{r['sampler']}, {r['schedule']}"
    out += f", shift {r['shift']}" if "shift" in r else ""
    out += f", guidance while t < {r['cfg_trunc']}" if "cfg_trunc" in r else ""
    out += f", guidance held {r['cfg_hold']}" if "cfg_hold" in r else ""
    return out + (f", cache {r['cache']} {r['cache_threshold']}" if "cache" in r else "")


def call(words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, args, prompts):
        self.args, self.prompts = args, prompts
        self.root = pathlib.Path(args.work)
        self.root.mkdir(parents=True, exist_ok=True)

    def draw(self, name, request):
        """The folder of its pictures, and what they took: processor seconds, evaluations and shortened ones, a picture."""
        folder = self.root / name
        facts = folder / "facts.json"
        if facts.exists():
            return folder, json.loads(facts.read_text())
        folder.mkdir(exist_ok=True)
        listing = self.root / f"{name}.jsonl"
        listing.write_text("".join(json.dumps({**request, "prompt": p, "seed": i}) + "\n" for i, p in enumerate(self.prompts)))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = json.loads(call([self.args.program, "generate", "--prompts", listing, "-o", folder / "%03d.png", "--json", "-q",
                               "--dtype", self.args.dtype, *self.args.flags.split()]))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        n = len(self.prompts)
        result = {"cpu": seconds / n, "evaluations": out["evaluations"] / n, "shortened": out["shortened_evaluations"] / n,
                  "denoise_share": out["seconds"]["denoise"] / out["seconds"]["total"]}
        facts.write_text(json.dumps(result))
        return folder, result

    def likeness(self, folder, to):
        ssim = [p["value"] for p in json.loads(call([self.args.program, "evaluate", "ssim", folder, to, "--json", "-q"]))["pairs"]]
        psnr = json.loads(call([self.args.program, "evaluate", "psnr", folder, to, "--json", "-q"]))
        return {"ssim": statistics.fmean(ssim), "worst": min(ssim), "spread": statistics.pstdev(ssim), "psnr": psnr["median"]}

    def converged(self):
        return self.draw("converged", row("rk4", "official", CONVERGED + 1))[0]

    def check(self, to):
        return self.likeness(self.draw("check", row("midpoint", "official", 4 * CONVERGED + 1))[0], to)


def front(results):
    """Rows that no other beats in both: fewer evaluations (whole ones; a shortened one is no whole one) and SSIM."""
    best, out = -math.inf, []
    for r in sorted(results, key=lambda r: (r["cpu"], -r["ssim"])):
        if r["ssim"] > best:
            best = r["ssim"]
            out.append(r)
    return out


def table(bench):
    to = bench.converged()
    check = bench.check(to)
    results = []
    for i, request in enumerate(table_rows()):
        name = "_".join(str(v) for v in request.values())
        folder, facts = bench.draw(name, request)
        results.append({**facts, **bench.likeness(folder, to), "row": words_of(request), "steps": request.get("steps", "–"),
                        "sampler": request.get("sampler", "adaptive"), "cache": "cache" in request})
        r = results[-1]
        print(f"{r['row']} {r['steps']}: {r['evaluations']:.0f} {r['cpu']:.2f} s {r['ssim']:.4f} {r['worst']:.4f}", file=sys.stderr)
    best = front(results)
    base = results[0]["cpu"]
    lines = [f"{len(bench.prompts)} prompts, {bench.args.dtype}, guidance 4.5; midpoint in twice the evaluations of the converged "
             f"pictures comes to a mean SSIM of {check['ssim']:.5f}, at worst {check['worst']:.5f}. Bold: on the front.", "",
             "| how | steps | evaluations | CPU time | speed | SSIM mean | worst | deviation | PSNR |", "|" + "---|" * 9]
    for r in sorted(results, key=lambda r: (r["evaluations"] - r["shortened"], -r["ssim"])):
        mark = "**" if r in best else ""
        cut = f" ({r['shortened']:.0f} shortened)" if r["shortened"] else ""
        lines.append(f"| {mark}{r['row']}{mark} | {r['steps']} | {r['evaluations']:.0f}{cut} | {r['cpu']:.2f} s | {base / r['cpu']:.2f} × | "
                     f"{r['ssim']:.4f} | {r['worst']:.4f} | {r['spread']:.4f} | {r['psnr']:.1f} dB |")
    if bench.args.plot:
        pathlib.Path(bench.args.plot).write_text(plot(results, best))
    return lines


COLOURS = {"unipc": "#c0392b", "adaptive": "#e67e22", "res_multistep": "#2c6fbb", "dpmpp_2m": "#8e44ad", "midpoint": "#27865a", "heun": "#7f8c2d",
           "rk4": "#b8860b", "euler": "#777777"}


def plot(results, best):
    """1 - SSIM over processor time, both logarithmic: down and left is better."""
    width, height, left, bottom, top = 760, 460, 70, 50, 20
    xs = [math.log(r["cpu"]) for r in results]
    ys = [math.log10(1 - r["ssim"]) for r in results]
    x0, x1, y0, y1 = min(xs) - 0.1, max(xs) + 0.1, min(ys) - 0.1, max(ys) + 0.1
    x_of = lambda v: left + (v - x0) / (x1 - x0) * (width - left - 150)
    y_of = lambda v: height - bottom - (v - y0) / (y1 - y0) * (height - bottom - top)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f"<title>Likeness to the converged picture against processor time</title>",
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for ssim in (0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.997, 0.999):
        y = math.log10(1 - ssim)
        if y0 < y < y1:
            out.append(f'<path d="M{left} {y_of(y):.1f}H{width - 150}" stroke="#ddd"/>'
                       f'<text x="{left - 8}" y="{y_of(y) + 4:.1f}" text-anchor="end">{ssim:g}</text>')
    for seconds in (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3):
        x = math.log(seconds)
        if x0 < x < x1:
            out.append(f'<text x="{x_of(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">{seconds:g}</text>')
    out.append(f'<text x="{(left + width - 150) / 2}" y="{height - 10}" text-anchor="middle">processor seconds a picture</text>'
               f'<text transform="translate(16 {height / 2}) rotate(-90)" text-anchor="middle">mean SSIM to the converged picture</text>')
    path = " ".join(f'{"L" if i else "M"}{x_of(math.log(r["cpu"])):.1f} {y_of(math.log10(1 - r["ssim"])):.1f}'
                    for i, r in enumerate(sorted(best, key=lambda r: r["cpu"])))
    out.append(f'<path d="{path}" fill="none" stroke="#c0392b" stroke-opacity=".4" stroke-width="2"/>')
    for r in results:
        x, y = x_of(math.log(r["cpu"])), y_of(math.log10(1 - r["ssim"]))
        fill = "white" if r["cache"] else COLOURS[r["sampler"]]
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{COLOURS[r["sampler"]]}"><title>{html.escape(r["row"])}, '
                   f'{r["steps"]} steps: {r["ssim"]:.4f}</title></circle>')
        if r in best:
            out.append(f'<text x="{x + 6:.1f}" y="{y - 5:.1f}" fill="#555">{r["steps"]}</text>')
    for i, (name, colour) in enumerate([*COLOURS.items(), ("with a cache", None)]):
        y = top + 14 + 18 * i
        out.append(f'<circle cx="{width - 132}" cy="{y - 4}" r="4" fill="{colour or "white"}" stroke="{colour or "#2c6fbb"}"/>'
                   f'<text x="{width - 122}" y="{y}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


def interval_words(value, of, digits, times=1):
    low, high = (times * v for v in of["interval"])
    return f"{times * value:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def distance_words(distance, times=1):
    out = f"{times * distance['value']:.2f}"
    d = distance.get("paired_difference")
    return f"{out}, {interval_words(d['value'], d, 2, times)}" if d else out


def proof(bench, captions):
    to = bench.converged()
    listing = bench.root / "captions.jsonl"
    listing.write_text("".join(json.dumps({"file": f"{i:03d}.png", "xml": c["xml"]}) + "\n" for i, c in enumerate(captions)))
    reference = bench.root / "reference"
    reference.mkdir(exist_ok=True)
    for i, c in enumerate(captions):
        (reference / f"{i:03d}.png").write_bytes((CAPTIONS.parent / c["file"]).read_bytes())
    evaluate = lambda *words: json.loads(call([bench.args.program, "evaluate", *words, "--json", "-q"]))
    lines = [f"{len(captions)} prompts that nothing was chosen by, {bench.args.dtype}, guidance 4.5.", "",
             "| how | evaluations | CPU time | speed | SSIM mean | worst | below 0.9 | PSNR | FID, less the default's | KID × 1000, less the default's | CLIP score, less the default's |",
             "|" + "---|" * 11]
    base = None
    for request in PROOF_ROWS:
        folder, facts = bench.draw("_".join(str(v) for v in request.values()), request)
        like = bench.likeness(folder, to)
        ssim = [p["value"] for p in evaluate("ssim", folder, to)["pairs"]]
        base = base or (folder, facts["cpu"])
        beside = [] if folder == base[0] else ["--beside", base[0]]
        fid, kid = (evaluate(metric, folder, reference, *beside) for metric in ("fid", "kid"))
        clip = "–"
        if beside:
            d = evaluate("clip-score", folder, base[0], "--captions", listing, "--caption-key", "xml")["paired_difference"]
            clip = interval_words(d["mean"], d, 5)
        lines.append(f"| {words_of(request)} | {facts['evaluations']:.0f} | {facts['cpu']:.2f} s | {base[1] / facts['cpu']:.2f} × | "
                     f"{like['ssim']:.4f} | {like['worst']:.4f} | {sum(s < 0.9 for s in ssim)} | {like['psnr']:.1f} dB | "
                     f"{distance_words(fid)} | {distance_words(kid, 1000)} | {clip} |")
        print(lines[-1], file=sys.stderr)
    return lines


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0] * len(values)
    for rank, i in enumerate(order):
        out[i] = rank
    return out


def latent_distances(args, prompts, variants):
    listing = pathlib.Path(args.work) / "prompts.jsonl"
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text("".join(json.dumps({"prompt": p, "seed": i}) + "\n" for i, p in enumerate(prompts)))
    out = call([args.program, args.model, args.dtype, listing.parent / "texts", listing, *(json.dumps(v) for v in variants)])
    drawn = [json.loads(line) for line in out.splitlines()]
    return [[d for d in drawn if d["variant"] == k] for k in range(len(variants))]


def nine_of_ten(values):
    return sorted(values)[int(0.9 * len(values))]


def estimates(args, prompts):
    by_tolerance = latent_distances(args, prompts, [{"tolerance": t} for t in TOLERANCES])
    lines = [f"{len(prompts)} prompts that nothing was chosen by, {args.dtype}, guidance 4.5. Rank correlation is Spearman's.", "",
             "| tolerance | evaluations | estimate | distance, mean | median | nine of ten below | below the tolerance | below the "
             "estimate | rank correlation |", "|" + "---|" * 9]
    everything = [(d, t) for t, of in zip(TOLERANCES, by_tolerance) for d in of]
    for name, of in [*((str(t), [(d, t) for d in of]) for t, of in zip(TOLERANCES, by_tolerance)), ("all", everything)]:
        distance, estimate = [d["distance"] for d, _ in of], [d["estimate"] for d, _ in of]
        counts = [d["evaluations"] for d, _ in of]
        share = lambda truths: f"{100 * sum(truths) / len(of):.0f} %"
        lines.append(f"| {name} | {statistics.fmean(counts):.1f} ({min(counts)} to {max(counts)}) | {statistics.fmean(estimate):.3f} | "
                     f"{statistics.fmean(distance):.3f} | {statistics.median(distance):.3f} | {nine_of_ten(distance):.3f} | "
                     f"{share(d['distance'] <= t for d, t in of)} | {share(d['distance'] <= d['estimate'] for d, _ in of)} | "
                     f"{statistics.correlation(ranks(estimate), ranks(distance)):.2f} |")
    return lines


def grid(steps, power, shift):
    """Levels of few_steps and its like: u^power for even u, shifted."""
    us = [(1 - i / steps) ** power for i in range(steps)]
    return [shift * u / (1 + (shift - 1) * u) for u in us] + [0]


def grids(args, prompts):
    tried = [(p, s) for p in POWERS for s in SHIFTS]
    distances = latent_distances(args, prompts, [{"sampler": "unipc", "sigmas": grid(args.steps, p, s)} for p, s in tried])
    lines = [f"{len(prompts)} of the examples, {args.steps} steps of unipc, {args.dtype}, guidance 4.5: distance of the latent to "
             "the converged one.", "",
             "| power | shift | mean | root of mean square | median | nine of ten below | worst | above 0.4 |", "|" + "---|" * 8]
    for (power, shift), of in zip(tried, distances):
        d = [v["distance"] for v in of]
        lines.append(f"| {power:g} | {shift:g} | {statistics.fmean(d):.4f} | {math.sqrt(statistics.fmean(v * v for v in d)):.4f} | "
                     f"{statistics.median(d):.4f} | {nine_of_ten(d):.4f} | {max(d):.3f} | {sum(v > 0.4 for v in d)} |")
    return lines


def write(path, name, lines):
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = pathlib.Path(path).read_text()
    before, rest = text.split(begin)
    pathlib.Path(path).write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("what", choices=["table", "proof", "estimates", "grids"])
    parser.add_argument("--prompts", type=int)
    parser.add_argument("--model", default=HERE.parent / "models/avatar", help="of estimates and grids")
    parser.add_argument("--steps", type=int, default=7, help="of grids")
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--flags", default="", help="further flags of newbie generate, in one string")
    parser.add_argument("--work")
    parser.add_argument("--write")
    parser.add_argument("--plot")
    args = parser.parse_args()
    examples = [json.loads(line)["prompt"] for line in EXAMPLES.read_text().splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as temporary:
        args.work = args.work or temporary
        if args.what == "table":
            lines = table(Bench(args, examples[: args.prompts or 16]))
        elif args.what == "grids":
            lines = grids(args, examples[: args.prompts or 128])
        else:
            if not CAPTIONS.exists():
                return print(f"SKIPPED: no {CAPTIONS}")
            captions = [json.loads(line) for line in CAPTIONS.read_text().splitlines() if line.strip()]
            held_out = [c for c in captions[len(captions) // 2 :] if c["xml"] not in set(examples)][: args.prompts or 128]
            prompts = [c["xml"] for c in held_out]
            lines = estimates(args, prompts) if args.what == "estimates" else proof(Bench(args, prompts), held_out)
    print("\n".join(lines))
    if args.write:
        write(args.write, {"table": "evaluations"}.get(args.what, args.what), lines)


if __name__ == "__main__":
    main()

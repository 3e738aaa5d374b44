#!/usr/bin/env python3
"""Times the same work in newbie and in PyTorch or OpenVINO, by turns, and prints the ratio of the medians.

    pip install -r bench/requirements.txt
    bench/compare_pytorch.py --work step --size 512 --dtype bf16 --peer eager

Both programs hold their weights (made up, at the published model's full size) at once; each is warmed up by runs that do
not count, then they run A B A B ... The ratio is the peer's median time over ours: above 1, newbie is faster. The same of
their CPU time is told, too: it says less of threads that wait, and more where other programs take the machine's time. The
last line with --json is one JSON object. The peer's modules: bench/reference/nextdit.py (held against the official class),
transformers' Gemma 3, diffusers' AutoencoderKL. PyTorch's denoiser refines the caption in every pass, as the official
one does (1.1 % of its work at 512 x 512); newbie does that once a prompt. transformers runs all 34 layers of Gemma 3;
the features come from the last but one, so newbie runs 33.

--work train is one sample of training a LoRA (--lora-rank, on the official trainer's matrices; frozen base in --dtype,
adapters and their gradients in f32): the loss and its way back, the optimizer aside. With --recompute both compute again
what lies between the ways: PyTorch by torch.utils.checkpoint around each block of `layers`, as the official trainer does.
The adapters are those of PEFT, written out below, so that it need not be installed.

--work end-to-end draws whole pictures with a model's own weights (--model; the embedded one by default), euler with
guidance, all parts loaded and warm in both programs.
"""
import argparse
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "reference")]
from turns import Newbie, spread  # noqa: E402

FULL_DENOISER = dict(patch_size=2, in_channels=16, dim=2304, n_layers=36, n_refiner_layers=2, n_heads=24, n_kv_heads=8,
                     multiple_of=256, ffn_dim_multiplier=None, norm_eps=1e-5, qk_norm=True, cap_feat_dim=2560,
                     axes_dims=[32, 32, 32], axes_lens=[1024, 512, 512], clip_text_dim=1024, clip_img_dim=1024)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer", choices=["eager", "compile", "openvino"], default="eager")
    p.add_argument("--work", choices=["step", "train", "text", "vae", "end-to-end"], default="step")
    p.add_argument("--size", type=int, help="pixels (512; end-to-end: 128)")
    p.add_argument("--tokens", type=int, default=256)
    p.add_argument("--dtype", choices=["bf16", "f32", "int8"], default="bf16",
                   help="int8: newbie's int8 linears; the peer is OpenVINO's model after NNCF's post-training quantisation")
    p.add_argument("--layers", type=int, help="of the denoiser or Gemma, in both (default: all)")
    p.add_argument("--lora-rank", type=int, default=16, help="train")
    p.add_argument("--recompute", action="store_true", help="train")
    p.add_argument("--steps", type=int, default=28, help="end-to-end")
    p.add_argument("--model", type=Path, default=HERE.parent / "models/avatar", help="end-to-end: official folder")
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--newbie", default=str(HERE.parent / "build/release/newbie"), help="the program")
    p.add_argument("--newbie-flags", default="", help="further flags of newbie bench, in one string")
    p.add_argument("--rest", type=float, default=0.3, help="seconds between turns: idle threads of both stop spinning")
    p.add_argument("--json", action="store_true")
    return p.parse_args()


def start_newbie(a):
    flags = ["--size", str(a.size), "--threads", str(a.threads)]
    flags += ["--precision", "int8"] if a.dtype == "int8" else ["--dtype", a.dtype]
    if a.work == "end-to-end":
        flags += ["--steps", str(a.steps), "--model", str(a.model)]
    else:
        flags += ["--tokens", str(a.tokens), "--no-peak"] + (["--layers", str(a.layers)] if a.layers else [])
    if a.work == "train":
        flags += ["--lora-rank", str(a.lora_rank)] + (["--recompute"] if a.recompute else [])
    return Newbie(a.newbie, a.work, flags + a.newbie_flags.split(), a.repeats)


def make_peer(a):
    """A function that does the work once."""
    import torch
    torch.set_num_threads(a.threads)
    torch.set_grad_enabled(a.work == "train")
    torch.manual_seed(0)
    dtype = torch.float32 if a.dtype == "f32" else torch.bfloat16

    def filled(module):
        """On the meta device until here: of the right dtype, small random values."""
        module = module.to(dtype).to_empty(device="cpu").eval()
        for parameter in module.parameters():
            parameter.requires_grad_(False)  # an adapter is put beside it
            if parameter.dim() >= 2:
                fan_in = parameter[0].numel()
                parameter.uniform_(-(3 / fan_in) ** 0.5, (3 / fan_in) ** 0.5)
            else:
                parameter.fill_(1 if dtype == torch.float32 else 0.5)
        return module

    if a.work in ("step", "train"):
        from nextdit import NextDiT
        with torch.device("meta"):
            net = NextDiT({**FULL_DENOISER, **({"n_layers": a.layers} if a.layers else {})})
        net = filled(net)
        side = a.size // 8
        inputs = (torch.randn(1, 16, side, side).to(dtype), torch.tensor([0.5]), torch.randn(1, a.tokens, 2560).to(dtype),
                  torch.ones(1, a.tokens, dtype=torch.bool), torch.randn(1, 1024).to(dtype))
        if a.work == "train":
            return make_training(a, net, inputs)
    elif a.work == "text":
        from transformers import Gemma3TextConfig, Gemma3TextModel
        layers = (a.layers + 1) if a.layers else 34
        config = Gemma3TextConfig(vocab_size=262208, hidden_size=2560, intermediate_size=10240, num_hidden_layers=layers,
                                  num_attention_heads=8, num_key_value_heads=4, head_dim=256, sliding_window=1024,
                                  query_pre_attn_scalar=256, rope_scaling={"factor": 8.0, "rope_type": "linear"})
        model = Gemma3TextModel._from_config(config, torch_dtype=dtype).eval()

        class Features(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, ids):
                return self.model(ids, output_hidden_states=True, use_cache=False).hidden_states[-2]

        net = Features()
        inputs = (torch.arange(a.tokens)[None] * 7919 % 262144,)
    elif a.work == "vae":
        from diffusers import AutoencoderKL
        vae = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=16, block_out_channels=(128, 256, 512, 512),
                            layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4,
                            up_block_types=("UpDecoderBlock2D",) * 4, use_quant_conv=False, use_post_quant_conv=False)
        vae = vae.to(dtype).eval()
        if a.peer != "openvino":
            vae = vae.to(memory_format=torch.channels_last)
        net = vae.decoder
        latents = torch.randn(1, 16, a.size // 8, a.size // 8).to(dtype)
        inputs = (latents if a.peer == "openvino" else latents.contiguous(memory_format=torch.channels_last),)
    else:
        return make_chain(a, dtype)

    if a.peer == "openvino":
        return make_openvino(a, net, inputs)
    if a.peer == "compile":
        net = torch.compile(net)
    return lambda: net(*inputs)


OFFICIAL_TARGETS = ("attention.qkv", "attention.out", "feed_forward.w2", "time_text_embed.1", "clip_text_pooled_proj.1")


def make_training(a, net, inputs):
    """A function that gives every adapter its gradient once."""
    if a.peer != "eager":
        sys.exit("--work train is measured against eager PyTorch")
    import torch
    from torch.utils.checkpoint import checkpoint

    class Lora(torch.nn.Module):  # PEFT's under autocast: weights in f32, products in the base's dtype
        def __init__(self, base):
            super().__init__()
            self.base = base
            self.down = torch.nn.Parameter(torch.empty(a.lora_rank, base.in_features).uniform_(-1, 1) / base.in_features ** 0.5)
            self.up = torch.nn.Parameter(torch.randn(base.out_features, a.lora_rank) * 0.01)

        def forward(self, x):
            return self.base(x) + torch.nn.functional.linear(x @ self.down.to(x.dtype).T, self.up.to(x.dtype))

    for name, module in list(net.named_modules()):
        if name.endswith(OFFICIAL_TARGETS):
            parent, _, own = name.rpartition(".")
            setattr(net.get_submodule(parent), own, Lora(module))
    if a.recompute:
        for block in net.layers:
            block.forward = (lambda forward: lambda *x: checkpoint(forward, *x, use_reentrant=False))(block.forward)
    target = torch.randn_like(inputs[0].float())
    trained = [p for p in net.parameters() if p.requires_grad]

    def step():
        for p in trained:
            p.grad = None
        torch.nn.functional.mse_loss(net(*inputs).float(), target).backward()

    return step


def make_chain(a, dtype):
    """A whole picture by the reference chain, everything loaded before."""
    if a.peer != "eager":
        sys.exit("--work end-to-end is measured against eager PyTorch")
    import torch
    from prompts import PLAIN
    from reference import Avatar, flow_euler_grid, noise, ode, to_u8
    chain = Avatar(a.model, dtype)
    prompt = "1girl, solo, blue hair, smile"
    sigmas = flow_euler_grid(a.steps)

    def draw():
        cond = chain.encode(PLAIN + prompt, prompt)
        uncond = chain.encode("", "")
        z = ode(lambda x, t: chain.guided(x, t, cond, uncond, 4.5), noise(1, a.size, a.size), [1 - s for s in sigmas], "euler")[-1]
        return to_u8(chain.decode(z))

    return draw


def make_openvino(a, net, inputs):
    import numpy as np
    import openvino as ov
    import torch
    if a.dtype == "bf16":  # OpenVINO has no bf16 model files here; it computes in bf16 when told so
        net, inputs = net.float(), tuple(i.float() if i.dtype == torch.bfloat16 else i for i in inputs)
    elif a.dtype == "int8":
        net, inputs = net.float(), tuple(i.float() if i.dtype == torch.bfloat16 else i for i in inputs)
    model = ov.convert_model(net, example_input=inputs)
    shapes = [list(i.shape) for i in inputs]
    model.reshape({port: shape for port, shape in zip(model.inputs, shapes)})
    if a.dtype == "int8":
        import nncf
        data = nncf.Dataset([[np.asarray(i) for i in inputs]])
        model = nncf.quantize(model, data, subset_size=1, model_type=nncf.ModelType.TRANSFORMER)
    del net
    hint = "f32" if a.dtype == "f32" else "bf16"
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": a.threads,
                                                      "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    arrays = [np.asarray(i) for i in inputs]
    return lambda: request.infer(arrays)


def resident_bytes():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def main():
    a = arguments()
    a.size = a.size or (128 if a.work == "end-to-end" else 512)
    if a.work == "train" and a.dtype == "int8":
        sys.exit("--work train is compared in bf16 or f32")
    if a.dtype == "int8" and a.peer != "openvino":
        sys.exit("--dtype int8 is compared with --peer openvino; bf16 against int8 of newbie: --newbie-flags")
    peer = make_peer(a)
    for _ in range(2):  # the first compiles, the second may grow memory pools
        peer()
    ours = start_newbie(a)
    mine, theirs, my_cpu, their_cpu = [], [], [], []
    for turn in range(a.repeats):
        time.sleep(a.rest)
        cpu = ours.cpu_seconds()
        mine.append(ours.run())
        time.sleep(a.rest)
        my_cpu.append(ours.cpu_seconds() - cpu)
        start, cpu = time.perf_counter(), time.process_time()
        peer()
        theirs.append(time.perf_counter() - start)
        their_cpu.append(time.process_time() - cpu)
        print(f"{turn + 1}/{a.repeats}: newbie {mine[-1]:.3f} s, {a.peer} {theirs[-1]:.3f} s", file=sys.stderr, flush=True)
    summary = ours.finish()
    ratio = spread(theirs)["median"] / spread(mine)["median"]
    cpu_ratio = spread(their_cpu)["median"] / spread(my_cpu)["median"]
    out = {"work": a.work, "size": a.size, "tokens": a.tokens, "dtype": a.dtype, "layers": a.layers, "threads": a.threads,
           "peer": a.peer, "repeats": a.repeats, "newbie_seconds": spread(mine), "peer_seconds": spread(theirs),
           "ratio": ratio, "newbie_cpu_seconds": spread(my_cpu), "peer_cpu_seconds": spread(their_cpu), "cpu_ratio": cpu_ratio,
           "newbie_peak_resident_bytes": summary["peak_resident_bytes"], "peer_peak_resident_bytes": resident_bytes(),
           "newbie_gflop_per_second": summary.get("gflop_per_second"), "command": " ".join(ours.command[1:])}
    if a.json:
        print(json.dumps(out))
    else:
        print(f"{a.work} {a.size} {a.dtype}: newbie {out['newbie_seconds']['median']:.3f} s, {a.peer} "
              f"{out['peer_seconds']['median']:.3f} s, ratio {ratio:.2f} (of CPU time: {cpu_ratio:.2f})")


if __name__ == "__main__":
    main()

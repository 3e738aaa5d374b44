#!/usr/bin/env python3
"""Writes FID's InceptionV3 as a .safetensors file for `newbie evaluate fid --inception FILE`.

Usage: convert_inception.py pt_inception-2015-12-05-6726825d.pth OUT.safetensors

Takes pytorch-fid's file (github.com/mseitzer/pytorch-fid, releases, fid_weights) or torch-fidelity's
(github.com/toshas/torch-fidelity, releases, v0.2.0: weights-inception-2015-12-05-6726825d.pth); both are ports of
TensorFlow's inception-2015-12-05. Needs torch and safetensors.
"""

import sys

PARTS = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
UNITS = 94
PARAMETERS = 21_785_568  # without running statistics (spec/metrics.md §1.1)


def features_only(state):
    """What the 2048 features need: without the classifier and counters."""
    kept = {name: tensor.float().contiguous() for name, tensor in state.items() if name.endswith(PARTS)}
    counted = sum(t.numel() for name, t in kept.items() if "running" not in name)
    if len(kept) != UNITS * len(PARTS) or counted != PARAMETERS:
        raise SystemExit(f"this is not FID's InceptionV3: {len(kept)} tensors with {counted} parameters, "
                         f"expected {UNITS * len(PARTS)} with {PARAMETERS}")
    return kept


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    import torch
    from safetensors.torch import save_file

    state = torch.load(arguments[0], map_location="cpu", weights_only=True)
    save_file(features_only(state), arguments[1], metadata={"format": "pt", "model": "inception-2015-12-05"})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

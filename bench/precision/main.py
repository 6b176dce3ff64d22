"""Trains the same model in fp32 and in bf16 with several seeds and writes one JSON file and a picture.

Called by scripts/bench.sh precision, which finds the environment and renders the tables.
"""

from __future__ import annotations

import os
import sys

import torch

from common import results
from common.progress import progress
from precision import curves, picture
from precision.runs import SMALL, Setting, prepare_text, train

SEEDS = (1, 2, 3)


def main() -> int:
    arguments = results.parse(results.argument_parser(__doc__.splitlines()[0]))
    program = results.REPOSITORY / "build/release/bin/hgnn_moe_train"
    if not os.access(program, os.X_OK):
        progress(f"{program.name} is missing: leave out --no-build")
        return 2
    torch.set_num_threads(arguments.threads)
    setting = SMALL if arguments.quick else Setting()
    header = results.header("precision", arguments, torch.device("cpu"))
    data = prepare_text(setting)
    runs = {
        precision: [
            train(program, setting, data, precision, seed, arguments.threads) for seed in SEEDS
        ]
        for precision in curves.PRECISIONS
    }
    group = {"id": "hgnn", "kind": "losses", **setting.as_dict(), "runs": runs}
    if not arguments.quick:
        picture.draw(group, results.REPOSITORY / "docs/images/precision_losses.png")
    results.write(
        {**header, "ours": "measured", **curves.verdicts(header, [group]), "groups": [group]},
        arguments.out,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

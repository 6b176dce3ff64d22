#!/usr/bin/env python3
"""Losses that a language model has to beat: unigram and interpolated bigram models."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from hgnn_tools.command_line import argument_parser
from hgnn_tools.errors import EXIT_USAGE, UserError, run_script

DESCRIPTION = """\
Evaluation loss, in nats a token, of a unigram model (add-one smoothing) and of an interpolated
bigram model (absolute discounting) fitted to the training split of a folder that prepare_data.py
wrote. The discount is chosen on the last tenth of the training targets; the evaluation split
is only evaluated.

The targets are exactly those of hgnn_moe_train with the same --sample_mode and --max_seq_length
when it uses all samples, so the losses compare with its evaluation loss.
"""

EXAMPLE = """\
example:
  scripts/ngram_baselines.py data/stdlib --sample_mode packed --max_seq_length 128

exit codes: 0 done, 2 usage, 3 data
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="has a dataset.json")
    parser.add_argument(
        "--sample_mode",
        choices=("lines", "packed"),
        default="lines",
        help="as hgnn_moe_train's (default: lines)",
    )
    parser.add_argument(
        "--max_seq_length",
        type=int,
        default=128,
        metavar="T",
        help="as hgnn_moe_train's (default: 128)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def measure(folder: Path, sample_mode: str, max_seq_length: int) -> dict[str, Any]:
    # Imported here so that --help needs no package.
    from hgnn_tools.ngrams import Bigram, choose_discount
    from hgnn_tools.prepared_data import check_ids, read_description, target_pairs

    description = read_description(folder)
    vocab_size, end_of_text_id = description["vocab_size"], description["end_of_text_id"]
    pairs = {}
    for split in ("train", "eval"):
        pairs[split] = target_pairs(folder, split, sample_mode, max_seq_length, end_of_text_id)
        check_ids(pairs[split], vocab_size, folder / f"{split}.bin")
    discount = choose_discount(pairs["train"], vocab_size)
    bigram = Bigram.fit(pairs["train"], vocab_size)
    return {
        "sample_mode": sample_mode,
        "max_seq_length": max_seq_length,
        "vocab_size": vocab_size,
        "train_targets": int(pairs["train"].targets.size),
        "eval_targets": int(pairs["eval"].targets.size),
        "unigram_loss": bigram.unigram.loss(pairs["eval"].targets),
        "bigram_loss": bigram.losses(pairs["eval"], (discount,))[0],
        "bigram_discount": discount,
    }


def main() -> None:
    args = build_parser().parse_args()
    shortest = 2 if args.sample_mode == "lines" else 1
    if args.max_seq_length < shortest:
        raise UserError(
            f"--max_seq_length {args.max_seq_length} leaves no targets in {args.sample_mode}"
            f" mode; give {shortest} or more",
            EXIT_USAGE,
        )
    result = measure(args.data, args.sample_mode, args.max_seq_length)
    if args.json:
        print(json.dumps(result))
        return
    print(
        f"unigram loss {result['unigram_loss']:.4f} nats a token over"
        f" {result['eval_targets']:,} targets"
    )
    print(
        f"bigram loss  {result['bigram_loss']:.4f} nats a token (interpolated, discount"
        f" {result['bigram_discount']:g})"
    )


if __name__ == "__main__":
    sys.exit(run_script(main))

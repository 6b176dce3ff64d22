#!/usr/bin/env python3
"""Compare a run's evaluation loss with the n-gram models it has to beat."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from hgnn_tools.command_line import add_run_folder, argument_parser
from hgnn_tools.errors import EXIT_DATA, UserError, run_script
from hgnn_tools.run_folder import config_of, read_json_object

DESCRIPTION = """\
Prints the evaluation loss of a run beside those that ngram_baselines.py --json measured on the
same data, and the differences. With targets, says whether they are met. Refuses baselines of
another vocabulary, sample mode or length, and a run that evaluates on a part of the data.
"""

EXAMPLE = """\
example:
  scripts/ngram_baselines.py data/stdlib --sample_mode packed --json > baselines.json
  scripts/compare_losses.py runs/quickstart --baselines baselines.json

exit codes: 0 done, 1 a target is missed, 2 usage, 3 unreadable files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add_run_folder(parser)
    parser.add_argument(
        "--baselines",
        required=True,
        type=Path,
        metavar="FILE",
        help="what ngram_baselines.py --json printed",
    )
    for baseline in ("unigram", "bigram"):
        parser.add_argument(
            f"--below_{baseline}",
            type=float,
            metavar="NATS",
            help=f"target: this much below the {baseline} model (default: none)",
        )
    return parser


def read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {path} ({error}); run the script that writes it", EXIT_DATA
        ) from None


def read_loss(path: Path, key: str) -> float:
    loss = read_json(path).get(key)
    if not isinstance(loss, (int, float)):
        raise UserError(f"{key} of {path} is {loss}, not a number; let the run finish", EXIT_DATA)
    return loss


def check_same_targets(run: Path, baselines: Path) -> None:
    """Losses compare where both are means over the same targets."""
    measured, stored = read_json_object(baselines), read_json_object(run / "config.json")
    # That of the data: the option of this name is for runs without data.
    config = config_of(stored, run) | {"vocab_size": stored.get("vocab_size")}
    for key in ("vocab_size", "sample_mode", "max_seq_length"):
        if config.get(key) != measured.get(key):
            raise UserError(
                f"{baselines} was measured with {key} {measured.get(key)}, but the run {run} has"
                f" {config.get(key)}; run ngram_baselines.py on the data and settings of the run",
                EXIT_DATA,
            )
    if config.get("num_eval_samples") != -1:
        raise UserError(
            f"the run {run} has num_eval_samples {config.get('num_eval_samples')}, so its"
            " evaluation loss is over other targets than the baselines'; evaluate it with"
            " --num_eval_samples -1",
            EXIT_DATA,
        )


def compare(loss: float, baseline: float, name: str, target: float | None) -> tuple[str, bool]:
    """A line of the table, and whether the target (if any) is met."""
    below = baseline - loss
    side = "lower" if below >= 0 else "HIGHER"
    line = f"{name:<22}{baseline:>8.3f}   this run is {abs(below):.3f} {side}"
    if target is None:
        return line, True
    is_met = below >= target
    return f"{line}; target {target:g}: {'met' if is_met else 'MISSED'}", is_met


def main() -> None:
    args = build_parser().parse_args()
    loss = read_loss(args.run / "run_summary.json", "final_eval_loss")
    check_same_targets(args.run, args.baselines)
    rows = [
        compare(loss, read_loss(args.baselines, "unigram_loss"), "unigram", args.below_unigram),
        compare(
            loss, read_loss(args.baselines, "bigram_loss"), "interpolated bigram", args.below_bigram
        ),
    ]
    print("evaluation loss, nats a token")
    for line, _ in rows:
        print(line)
    print(f"{'this run':<22}{loss:>8.3f}")
    if not all(is_met for _, is_met in rows):
        raise UserError("the run misses a target; train it longer", 1)


if __name__ == "__main__":
    sys.exit(run_script(main))

#!/usr/bin/env python3
"""Continue a prompt with a trained model."""

import argparse
import math
import os
import sys
from pathlib import Path

from hgnn_tools.command_line import add_run_folder, argument_parser
from hgnn_tools.errors import EXIT_USAGE, UserError, run_script

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_BINARY = REPOSITORY / "build" / "release" / "bin" / "hgnn_moe_train"

DESCRIPTION = """\
Continue a prompt with a model that hgnn_moe_train trained. The text is encoded and decoded with
the tokenizer.json of the run's data folder; the program does the rest. Prints the prompt and its
continuation. The same seed gives the same text.
"""

EXAMPLE = """\
example:
  scripts/sample.py runs/quickstart --prompt 'def ' --tokens 100 --temperature 0.7

exit codes: 0 done, 2 usage, 3 data, 4 checkpoint, else that of hgnn_moe_train
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add = parser.add_argument
    add_run_folder(parser)
    add("--prompt", required=True, help="text to continue; empty: start after an end of text")
    add("--tokens", type=positive, default=64, metavar="N", help="tokens to add (default: 64)")
    add(
        "--temperature",
        type=temperature,
        default=0.8,
        help="0: always the likeliest (default: 0.8)",
    )
    add("--top_k", type=not_negative, default=50, help="of the K likeliest; 0: all (default: 50)")
    add("--seed", type=not_negative, default=42, help="of the draws (default: 42)")
    add("--checkpoint", default="best", help="best, latest or a path (default: best)")
    add("--device", help="cpu, cuda or cuda:I (default: the run's)")
    add("--binary", type=Path, default=DEFAULT_BINARY, help="hgnn_moe_train (default: the release)")
    return parser


def positive(text: str) -> int:
    return at_least(1, int(text))


def not_negative(text: str) -> int:
    return at_least(0, int(text))


def at_least(low: int, value: int) -> int:
    if value < low:
        raise argparse.ArgumentTypeError(f"{value} is below {low}; give {low} or more")
    return value


def temperature(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a finite number of 0 or more; give one")
    return value


def check_prompt(prompt: str) -> None:
    """Bytes of the command line that are not UTF-8 arrive as half surrogate pairs."""
    try:
        prompt.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(
            f"--prompt {os.fsencode(prompt)!r} is not UTF-8 text; convert it, for instance with"
            " iconv",
            EXIT_USAGE,
        ) from None


def sample(args: argparse.Namespace) -> str:
    """The prompt and its continuation."""
    check_prompt(args.prompt)
    # Imported here so that --help needs no package.
    from hgnn_tools.prepared_data import read_description
    from hgnn_tools.run_folder import read_run_config, resolve_checkpoint
    from hgnn_tools.tokenizing import make_literal, read_tokenizer_file
    from hgnn_tools.trainer_call import SamplingRequest, continue_ids

    run = read_run_config(args.run)
    if run.is_synthetic or not run.data_folder:
        raise UserError(
            f"the run {args.run} was trained on synthetic data, which has no text; choose a run on"
            " prepared data",
            EXIT_USAGE,
        )
    data_folder = Path(run.data_folder)
    end_of_text_id = read_description(data_folder)["end_of_text_id"]
    tokenizer = read_tokenizer_file(data_folder / "tokenizer.json")
    make_literal(tokenizer)
    prompt_ids = tokenizer.encode(args.prompt, add_special_tokens=False).ids or [end_of_text_id]
    continuation = continue_ids(
        SamplingRequest(
            binary=args.binary,
            run_config=run.config,
            data_folder=data_folder,
            weights=resolve_checkpoint(args.run, args.checkpoint),
            prompt_ids=prompt_ids,
            tokens=args.tokens,
            temperature=args.temperature,
            top_k=args.top_k,
            seed=args.seed,
            device=args.device,
        )
    )
    # Decoded together: a character may have bytes on both sides of the seam.
    return tokenizer.decode(prompt_ids + continuation, skip_special_tokens=False)


def main() -> None:
    print(sample(build_parser().parse_args()))


if __name__ == "__main__":
    sys.exit(run_script(main))

#!/usr/bin/env python3
"""Turn text into a data folder for hgnn_moe_train."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import argument_parser
from hgnn_tools.errors import EXIT_USAGE, UserError, run_script
from hgnn_tools.text_sources import DocumentRules, FileSource, HuggingFaceSource, Source

DESCRIPTION = """\
Turn text into a data folder for hgnn_moe_train: train.bin, train.idx, eval.bin and eval.idx
(Megatron's indexed format, one document a sample), tokenizer.json and dataset.json.

A file named *.jsonl holds one JSON object a line; any other file is plain UTF-8 text. Input is
read as a stream, so files may be larger than memory; a single document may not. The folder
is complete once it has a dataset.json.
"""

EXAMPLES = """\
examples:
  scripts/prepare_data.py --train wiki.train.txt --eval wiki.valid.txt --tokenizer gpt2/ \\
      --out data/wikitext/wikitext-2-v1
  scripts/prepare_data.py --train a.jsonl b.jsonl --eval c.jsonl --mode documents \\
      --tokenizer train:4096 --out data/mine
  scripts/prepare_data.py --hf wikitext wikitext-2-v1 --tokenizer gpt2/ \\
      --out data/wikitext/wikitext-2-v1

exit codes: 0 done, 2 usage, 3 data, 7 disk
"""

DEFAULT_MIN_CHARACTERS = {"lines": 30, "documents": 0}


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument("--train", nargs="+", type=Path, metavar="FILE", help="training text")
    parser.add_argument("--eval", nargs="+", type=Path, metavar="FILE", help="evaluation text")
    parser.add_argument(
        "--hf",
        nargs=2,
        metavar=("NAME", "CONFIG"),
        help="a Hugging Face data set instead of files; needs the Python package datasets",
    )
    parser.add_argument(
        "--hf_splits",
        nargs=2,
        metavar=("TRAIN", "EVAL"),
        default=["train", "validation"],
        help="its splits for training and evaluation (default: train validation)",
    )
    parser.add_argument(
        "--tokenizer",
        required=True,
        metavar="TOKENIZER",
        help="a GPT-2 folder (encoder.json and vocab.bpe), a tokenizer.json, or train:N: a"
        " byte-level BPE of exactly N tokens, trained on the training text",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="data folder")
    parser.add_argument("--name", help="name of the data (default: that of the folder)")
    parser.add_argument(
        "--mode",
        choices=("lines", "documents"),
        default="lines",
        help="what a document is: a stripped line, or a whole file or JSON row (default: lines)",
    )
    parser.add_argument(
        "--min_characters",
        type=int,
        metavar="N",
        help="keep documents of more than N characters (default: 30 for lines, 0 for documents)",
    )
    parser.add_argument(
        "--text_field", default="text", help="the field of a JSON row with its text (default: text)"
    )
    parser.add_argument(
        "--end_of_text",
        default="<|endoftext|>",
        metavar="TOKEN",
        help="the tokenizer's token between documents in packed mode (default: <|endoftext|>)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace data prepared earlier")
    return parser


def chosen_sources(args: argparse.Namespace) -> dict[str, Source]:
    if args.hf:
        if args.train or args.eval:
            raise UserError("--hf excludes --train and --eval; give one or the other", EXIT_USAGE)
        data_set, config = args.hf
        train, evaluation = args.hf_splits
        return {
            "train": HuggingFaceSource(data_set, config, train),
            "eval": HuggingFaceSource(data_set, config, evaluation),
        }
    if not args.train or not args.eval:
        raise UserError("give both --train FILE and --eval FILE, or --hf NAME CONFIG", EXIT_USAGE)
    files = {"train": FileSource(tuple(args.train)), "eval": FileSource(tuple(args.eval))}
    for source in files.values():
        source.check()
    warn_about(files["train"], files["eval"])
    return dict(files)


def warn_about(train: FileSource, evaluation: FileSource) -> None:
    """What is allowed, but seldom meant."""
    for path in train.empty_paths + evaluation.empty_paths:
        warn(f"input file {path} is empty and adds nothing")
    for path in evaluation.paths:
        if any(path.samefile(other) for other in train.paths):
            warn(
                f"{path} is given to both --train and --eval: the evaluation loss will be that of"
                " text the model has seen"
            )


def warn(message: str) -> None:
    print(f"prepare_data.py: warning: {message}", file=sys.stderr)


def chosen_rules(args: argparse.Namespace) -> DocumentRules:
    min_characters = args.min_characters
    if min_characters is None:
        min_characters = DEFAULT_MIN_CHARACTERS[args.mode]
    if min_characters < 0:
        raise UserError(f"--min_characters {min_characters} is below 0; give 0 or more", EXIT_USAGE)
    return DocumentRules(args.mode, min_characters, args.text_field)


def main() -> None:
    args = build_parser().parse_args()
    # Imported here so that --help needs no package.
    from hgnn_tools.preparing import SPLITS, Request, prepare

    description = prepare(
        Request(
            sources=chosen_sources(args),
            tokenizer=args.tokenizer,
            end_of_text=args.end_of_text,
            rules=chosen_rules(args),
            out=args.out,
            name=args.name or args.out.resolve().name,
            overwrite=args.overwrite,
        )
    )
    for split in SPLITS:
        counts = description[split]
        print(
            f"{split}: {counts['documents']:,} documents, {counts['tokens']:,} tokens,"
            f" {counts['characters']:,} characters"
        )
    print(f"{args.out}: {description['vocab_size']:,} tokens in the vocabulary")


if __name__ == "__main__":
    sys.exit(run_script(main))

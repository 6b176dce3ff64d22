#!/usr/bin/env python3
"""Write pairs of nodes with features from their embeddings, for a classifier."""

import argparse
import sys
import tempfile
from pathlib import Path

from hgnn_tools.command_line import argument_parser, print_notes
from hgnn_tools.errors import EXIT_USAGE, UserError, run_script

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_BINARY = REPOSITORY / "build" / "release" / "bin" / "hgt_embed"

DESCRIPTION = """\
Writes a row for each fact of a relation and for each of its negatives: features made of the
embeddings of its head and its tail, the label (1 is a fact), the part of the run's split, and
both ids. The facts, their parts and the negatives come from hgt_embed embed --pairs; this script
joins them with embeddings and draws nothing itself.

  --run          asks hgt_embed for the pairs and the embeddings of a finished run
  --embeddings   joins other embeddings (.safetensors, .npy with its _ids.tsv, .csv) with --pairs,
                 a file that hgt_embed embed --pairs wrote

The output is .npz (features [N, F], feature_names [F], label, part, kind, head_id, tail_id [N])
or .csv (head_id, tail_id, label, part, kind, then a column a feature).
"""

EXAMPLE = """\
example:
  scripts/export_pairs.py --run checkpoints/hetionet --relation CtD --out pairs.npz

exit codes: 0 done, 2 usage, 3 data, 7 disk, else that of hgt_embed
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, metavar="FOLDER", help="a run of hgt_embed train")
    source.add_argument("--embeddings", type=Path, metavar="FILE", help="embeddings of nodes")
    add("--pairs", type=Path, metavar="FILE", help="with --embeddings: pairs of that split")
    add("--relation", metavar="NAME", help="with --run: whose facts are written")
    add("--negatives", type=count, metavar="N", help="with --run: of each fact (default: 1)")
    add(
        "--negative_kind",
        choices=("degree_matched", "uniform"),
        help="with --run: how negatives are drawn (default: degree_matched)",
    )
    add("--negatives_seed", type=count, help="with --run: of the negatives (default: that of the run)")
    add("--graph", type=Path, metavar="PATH", help="with --run: where its graph is now")
    add(
        "--features",
        choices=("concat", "hadamard", "difference"),
        default="concat",
        help="head and tail side by side, their products, or head - tail (default: concat)",
    )
    add("--out", type=Path, required=True, metavar="FILE", help="a .npz or .csv file")
    add("--binary", type=Path, default=DEFAULT_BINARY, help="hgt_embed (default: the release)")
    return parser


def count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is below 0; give 0 or more")
    return value


def check(arguments: argparse.Namespace) -> None:
    if arguments.out.suffix not in (".npz", ".csv"):
        raise UserError(f"--out {arguments.out} is no .npz or .csv file; give one", EXIT_USAGE)
    of_run = ("relation", "negatives", "negative_kind", "negatives_seed", "graph")
    if arguments.run is None:
        given = [name for name in of_run if getattr(arguments, name) is not None]
        if given:
            raise UserError(
                f"--{given[0]} is for --run; leave it out, --pairs holds the pairs", EXIT_USAGE
            )
        if arguments.pairs is None:
            raise UserError(
                "--pairs is missing; give the file that hgt_embed embed --pairs wrote", EXIT_USAGE
            )
    elif arguments.pairs is not None:
        raise UserError("--pairs is for --embeddings; a run makes its own", EXIT_USAGE)
    elif arguments.relation is None:
        raise UserError("--relation is missing; give the relation whose facts are written", EXIT_USAGE)


def export(arguments: argparse.Namespace) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.embeddings.embedding_file import read_embeddings
    from hgnn_tools.embeddings.embed_call import EmbedRequest, write_embeddings_and_pairs
    from hgnn_tools.embeddings.pair_features import join_pairs, read_pairs, write_table

    if arguments.run is None:
        embeddings, pairs = read_embeddings(arguments.embeddings), read_pairs(arguments.pairs)
    else:
        with tempfile.TemporaryDirectory(prefix="hgnn_moe_pairs-") as name:
            request = EmbedRequest(
                binary=arguments.binary,
                run=arguments.run,
                relation=arguments.relation,
                negatives=arguments.negatives,
                negative_kind=arguments.negative_kind,
                negatives_seed=arguments.negatives_seed,
                graph=arguments.graph,
            )
            notes, embeddings_path, pairs_path = write_embeddings_and_pairs(request, Path(name))
            print_notes(notes)
            embeddings, pairs = read_embeddings(embeddings_path), read_pairs(pairs_path)
    table = join_pairs(embeddings, pairs, arguments.features)
    write_table(arguments.out, table)
    facts = int(table.label.sum())
    print(
        f"{arguments.out}: {facts} facts and {len(table.label) - facts} negatives with"
        f" {table.features.shape[1]} features each"
    )


def main() -> None:
    arguments = build_parser().parse_args()
    check(arguments)
    export(arguments)


if __name__ == "__main__":
    sys.exit(run_script(main))

#!/usr/bin/env python3
"""Draw what hgt_embed validate found out about embeddings."""

import argparse
import sys
from pathlib import Path

from hgnn_tools.command_line import argument_parser
from hgnn_tools.errors import run_script

DESCRIPTION = """\
Draws a report of hgt_embed validate --json:

  embedding_distributions.png  per type, how long the embeddings of its nodes are and how alike
  pca_visualization.png        nodes of all types on the first two principal components
  embedding_spectra.png        per type, how much of the variance its first components hold
"""

EXAMPLE = """\
example:
  build/release/bin/hgt_embed validate embeddings.safetensors --json report.json
  scripts/plot_embeddings.py report.json --out plots

exit codes: 0 done, 2 usage, 3 unreadable report, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argument_parser(DESCRIPTION, EXAMPLE)
    parser.add_argument("report", type=Path, metavar="REPORT", help="what --json wrote")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: plots beside the report"
    )
    return parser


def draw(report_path: Path, out: Path | None) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.embeddings.embedding_report import read_report
    from hgnn_tools.embeddings.pictures import PICTURES

    report = read_report(report_path)
    folder = out if out is not None else report_path.parent / "plots"
    for name, draw_picture in PICTURES.items():
        draw_picture(report, folder / name)
        print(folder / name)


def main() -> None:
    arguments = build_parser().parse_args()
    draw(arguments.report, arguments.out)


if __name__ == "__main__":
    sys.exit(run_script(main))

#!/usr/bin/env python3
"""Draw what the graph of a run learned, and what its parts are worth."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from hgnn_tools.errors import run_script

DESCRIPTION = """\
Draws into RUN_FOLDER/plots what the graph of a run of hgnn_moe_train learned:

  layer_evolution.png    over the steps, per layer: hyperedge weights and their gradient, mixing, its
                         second eigenvalue, Dirichlet energy, norms and similarity of experts
  expert_similarity.png  how alike the experts of each layer are, at the first and last record
  hypergraph.png         the hypergraph of each layer with its weights
  ablation.png           the loss that removing an expert, a hyperedge or the coupler adds, for all
                         targets and by frequency, position and place in the word

The last one needs RUN_FOLDER/ablation, which hgnn_moe_train --eval_only --ablate writes; its
numbers go into RUN_FOLDER/ablation/by_class.csv. What cannot be drawn is named, with what to do.
"""

EXAMPLE = """\
example:
  scripts/analyze_run.py checkpoints/my_run

exit codes: 0 done, 2 usage, 3 unreadable run files, 7 disk
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER", help="checkpoint_dir/run_name")
    return parser


def analyze(folder: Path) -> None:
    # Imported here so that --help needs no package.
    from hgnn_tools.analysis.plot_hypergraph import draw_hypergraph, reason_for_no_hypergraph
    from hgnn_tools.analysis.plot_layers import draw_layers, reason_for_no_layers
    from hgnn_tools.analysis.plot_similarity import draw_similarity, reason_for_no_similarity
    from hgnn_tools.run_folder import Run, read_run

    run = read_run(folder)
    for note in run.notes:
        print(f"note: {note}", file=sys.stderr)
    pictures: dict[str, tuple[str | None, Callable[[Run, Path], None]]] = {
        "layer_evolution.png": (reason_for_no_layers(run), draw_layers),
        "expert_similarity.png": (reason_for_no_similarity(run), draw_similarity),
        "hypergraph.png": (reason_for_no_hypergraph(run), draw_hypergraph),
    }
    for name, (reason, draw) in pictures.items():
        path = folder / "plots" / name
        if reason is None:
            draw(run, path)
        tell(path, reason)
    analyze_ablation(run)


def tell(path: Path, reason: str | None) -> None:
    if reason is None:
        print(path)
        return
    # One of an earlier run in this folder would mislead.
    path.unlink(missing_ok=True)
    print(f"no {path.name}: {reason}")


def analyze_ablation(run: "Run") -> None:  # noqa: F821, imported where it is needed
    from hgnn_tools.analysis.ablation import read_ablation, reason_for_no_ablation
    from hgnn_tools.analysis.ablation_table import ablation_table, overall
    from hgnn_tools.analysis.plot_ablation import draw_ablation
    from hgnn_tools.analysis.token_classes import classes_of
    from hgnn_tools.tables import to_csv, to_markdown

    picture = run.folder / "plots" / "ablation.png"
    reason = reason_for_no_ablation(run.folder)
    if reason is not None:
        tell(picture, reason)
        return
    ablation = read_ablation(run.folder)
    classes = classes_of(run, ablation.whole.losses)
    table = ablation_table(ablation, classes)
    path = run.folder / "ablation" / f"{table.name}.csv"
    path.write_text(to_csv(table), encoding="utf-8")
    if ablation.removals:
        draw_ablation(run, table, picture)
        tell(picture, None)
    else:
        tell(picture, "the model has no part that it could do without")
    print(path)
    for one in classes.missing:
        print(one)
    print(f"\n{to_markdown(overall(table))}", end="")


def main() -> None:
    analyze(build_parser().parse_args().run)


if __name__ == "__main__":
    sys.exit(run_script(main))

"""What analyze_run.py draws and writes, one line of text for each thing that is or is not there."""

from collections.abc import Iterator

from hgnn_tools.analysis.ablation import read_ablation, reason_for_no_ablation
from hgnn_tools.analysis.ablation_table import ablation_table, overall
from hgnn_tools.analysis.plot_ablation import draw_ablation
from hgnn_tools.analysis.plot_hypergraph import draw_hypergraph, reason_for_no_hypergraph
from hgnn_tools.analysis.plot_layers import draw_layers, reason_for_no_layers
from hgnn_tools.analysis.plot_similarity import draw_similarity, reason_for_no_similarity
from hgnn_tools.analysis.token_classes import classes_of
from hgnn_tools.run_folder import Run
from hgnn_tools.run_pictures import Pictures, said
from hgnn_tools.tables import to_csv, to_markdown

# What the run recorded while it trained.
PICTURES: Pictures = {
    "layer_evolution.png": (reason_for_no_layers, draw_layers),
    "expert_similarity.png": (reason_for_no_similarity, draw_similarity),
    "hypergraph.png": (reason_for_no_hypergraph, draw_hypergraph),
}


def write_ablation(run: Run) -> Iterator[str]:
    """What RUN/ablation holds, as picture, CSV file and table."""
    picture = run.folder / "plots" / "ablation.png"
    reason = reason_for_no_ablation(run.folder)
    if reason is not None:
        yield said(picture, reason)
        return
    ablation = read_ablation(run.folder)
    classes = classes_of(run, ablation.whole.losses)
    table = ablation_table(ablation, classes)
    if ablation.removals:
        draw_ablation(run, table, picture)
        yield said(picture, None)
    else:
        yield said(picture, "the model has no part that it could do without")
    path = run.folder / "ablation" / f"{table.name}.csv"
    path.write_text(to_csv(table), encoding="utf-8")
    yield str(path)
    yield from classes.missing
    yield "\n" + to_markdown(overall(table)).rstrip()

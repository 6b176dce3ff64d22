"""Pictures of reports and comparisons: what is drawn where, and what the words around them say."""

import unittest
import warnings
from dataclasses import replace
from typing import Any
from unittest import main, mock

from fake_runs import FakeRun
from fake_sweeps import FakeRow, FakeSweep, settings, study
from matplotlib.figure import Figure
from report_page import ReportTestCase

from hgnn_tools import plot_style, wording
from hgnn_tools.plot_training import draw_training
from hgnn_tools.reporting import plot_pareto
from hgnn_tools.reporting.configurations import configurations_of
from hgnn_tools.reporting.picture import Picture, filled, new_picture
from hgnn_tools.reporting.plot_curves import MAX_LINES, parts_of
from hgnn_tools.reporting.plot_parameters import draw_parameters
from hgnn_tools.reporting.sweep_folder import read_sweep
from hgnn_tools.run_folder import read_run

ODD = r"a$\q$ of \$5"  # as mathtext an error


def drawn(draw: Any, *arguments: Any) -> tuple[Picture, Figure]:
    """With its figure, which is composed but not written."""
    with mock.patch.object(plot_style, "svg_bytes", return_value=b"") as written:
        picture = draw(*arguments)
    (figure,) = written.call_args.args
    return picture, figure


class ParetoTest(ReportTestCase):
    def pareto(self, *rows: FakeRow) -> tuple[Picture, Figure]:
        sweep = read_sweep(FakeSweep(rows).write(self.folder / "sweep"))
        found = configurations_of(sweep, sweep.rows, "best_eval_loss")
        options = ["coupler_type", "num_experts", "hgnn_learnable_edge_weights"]
        return drawn(plot_pareto.draw_pareto, found, options, plot_pareto.COSTS[1], False)

    def test_a_graph_without_effect_covers_no_other(self) -> None:
        rows = [row for row in study() if row.settings["num_experts"] == 4]
        _, figure = self.pareto(*rows)
        points = [line for line in figure.axes[0].lines if line.get_markersize() > 6]
        hollow = [line for line in points if line.get_markerfacecolor() == "none"]
        full = [line for line in points if line not in hollow]
        self.assertEqual((len(hollow), len(full)), (1, 4))
        for below in hollow:
            for above in full:
                self.assertLess(below.zorder, above.zorder)
                self.assertGreater(below.get_markersize(), 1.5 * above.get_markersize())

    def test_points_fill_the_picture_whatever_their_intervals(self) -> None:
        """Two seeds that lie far apart give an interval of ten times the range of the means."""
        shifts = {1: 0.0, 2: 0.3}
        rows = [
            replace(row, loss_shift=shifts[row.seed] + 0.01 * row.settings["num_experts"])
            for row in study((1, 2))
            if row.settings["coupler_type"] == "GNN"
        ]
        picture, figure = self.pareto(*rows)
        axes = figure.axes[0]
        low, high = axes.get_ylim()
        losses = [line.get_ydata()[0] for line in axes.lines if line.get_markersize() > 6]
        self.assertGreater(max(losses) - min(losses), 0.4 * (high - low))
        self.assertEqual([line.get_marker() for line in axes.lines].count("v"), 3)
        self.assertEqual([line.get_marker() for line in axes.lines].count("^"), 3)
        self.assertRegex(picture.caption, r"arrowhead are cut off, .* reach down to \d.\d+ and up")

    def test_intervals_that_fit_are_whole(self) -> None:
        rows = [row for row in study() if row.settings["coupler_type"] == "GNN"]
        rows = [replace(row, loss_shift=0.5 * row.settings["num_experts"]) for row in rows]
        picture, figure = self.pareto(*rows)
        self.assertNotIn("arrowhead", picture.caption)
        self.assertNotIn("v", [line.get_marker() for line in figure.axes[0].lines])

    def test_the_legend_covers_nothing(self) -> None:
        _, figure = self.pareto(*study((1, 2)))
        figure.canvas.draw()
        axes = figure.axes[0]
        legend = axes.get_legend().get_window_extent()
        self.assertGreaterEqual(legend.y0, axes.get_window_extent().y1 - 1)

    def test_captions_tell_the_seeds(self) -> None:
        rows = [row for row in study() if row.settings["coupler_type"] == "GNN"]
        picture, _ = self.pareto(*rows)
        self.assertIn("All are of seeds 1 to 3.", picture.caption)
        self.folder = self.folder / "fewer"
        fewer = [row for row in rows if row.settings["num_experts"] == 2 or row.seed == 1]
        picture, _ = self.pareto(*fewer)
        told = "They differ in seeds: seeds 1 to 3 (GNN, E=2), seed 1 (GNN, E=4; GNN, E=8)."
        self.assertIn(told, picture.caption)


class CurvesTest(ReportTestCase):
    def test_baselines_are_in_every_part(self) -> None:
        partners = {place: 10 + place % 2 for place in range(10)}
        parts = parts_of(12, partners)
        self.assertEqual(parts, [[*range(6), 10, 11], [*range(6, 10), 10, 11]])
        self.assertEqual(parts_of(MAX_LINES, {0: 1}), [list(range(MAX_LINES))])
        self.assertEqual(parts_of(10, {}), [list(range(8)), [8, 9]])

    def test_letters_and_looks_are_the_same_in_all_parts(self) -> None:
        asked = {"title": "?", "factor": "coupler_type", "baseline": {"coupler_type": "MEAN"}}
        figures: dict[str, Figure] = {}
        fake = FakeSweep(study((1,)), (asked,))
        with mock.patch.object(plot_style, "svg_bytes", return_value=b"") as written:
            self.write_report(fake, draws=True)
        for call in written.call_args_list:
            figures[call.args[0].get_suptitle()] = call.args[0]
        looks: dict[str, Any] = {}
        for number in (1, 2):
            figure = figures[f"Learning curves, part {number} of 2"]
            (legend,) = figure.legends
            names = [text.get_text() for text in legend.get_texts()]
            self.assertTrue(any("MEAN" in name for name in names), names)
            for line, name in zip(legend.get_lines(), names, strict=True):
                look = (line.get_color(), line.get_marker(), line.get_linestyle())
                self.assertEqual(looks.setdefault(name, look), look)
        self.assertEqual(len({name.split()[0] for name in looks}), len(looks))
        self.assertEqual(len(set(looks.values())), len(looks))
        self.assertEqual(len(looks), 15 + 1 - 1)
        self.assertIn("All are of seed 1.", self.markdown)


class TextsTest(ReportTestCase):
    def test_names_are_no_formulas(self) -> None:
        """Of runs, groups and questions; a wrong formula would be an error of matplotlib."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = read_run(FakeRun(steps=60).write(self.folder / ODD.replace("\\", "")))
            run = replace(run, config={**run.config, "run_name": ODD})
            with mock.patch.object(plot_style, "DPI", 20):
                draw_training(run, self.folder / "run.png")
            options = settings("GNN", 2, None, None)
            rows = [FakeRow(options, group=name, steps=40 + len(name)) for name in (ODD, "b")]
            asked = {"title": ODD, "factor": "group"}
            self.write_report(FakeSweep(tuple(rows), (asked,)), draws=True)
        self.assertIn("&#36;", self.markdown)
        self.assertNotRegex(self.markdown, r"\$")

    def test_long_titles_are_broken_and_cut_in_the_middle(self) -> None:
        figure, _ = new_picture("long words " * 60 + "end", True)
        lines = figure.get_suptitle().splitlines()
        self.assertLessEqual(max(map(len, lines)), 60)
        self.assertLessEqual(len(lines), 5)
        self.assertTrue(lines[-2].endswith("end"))
        self.assertEqual(wording.cut_in_the_middle("abcdefghij", 5), "ab…ij")
        run = read_run(FakeRun(options={"run_name": "n" * 200}).write(self.folder / "run"))
        self.assertLess(len(plot_style.describe_run(run)), 100)

    def test_a_mark_stays_with_its_word(self) -> None:
        self.assertEqual(filled("aaa bbb †", 7).splitlines(), ["aaa", "bbb\u00a0†"])
        self.assertEqual(filled("aaa bbb ‡§: 1", 8).splitlines(), ["aaa", "bbb\u00a0‡§:", "1"])

    def test_parameters_by_part_have_the_marks(self) -> None:
        rows = [row for row in study((1,)) if row.graph == "no_op"]
        sweep = read_sweep(FakeSweep(tuple(rows)).write(self.folder / "sweep"))
        found = configurations_of(sweep, sweep.rows, "best_eval_loss")
        _, figure = drawn(draw_parameters, found, ["num_experts"], False)
        names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        self.assertEqual(names, ["E=2\u00a0†", "E=4\u00a0†", "E=8\u00a0†"])


class WordingTest(unittest.TestCase):
    def test_seeds(self) -> None:
        found = [wording.seeds_told(seeds) for seeds in ((), (4,), (2, 1), (1, 2, 3, 9, 7))]
        self.assertEqual(found, ["no seed", "seed 4", "seeds 1, 2", "seeds 1 to 3, 7, 9"])

    def test_plurals(self) -> None:
        found = [wording.plural(number, "run") for number in (0, 1, 2)]
        self.assertEqual(found, ["0 runs", "1 run", "2 runs"])


if __name__ == "__main__":
    main()

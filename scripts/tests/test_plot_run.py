import json
import math
import unittest
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from fake_runs import KINDS, FakeRun
from support import ScriptTestCase

import plot_run
from hgnn_tools import plot_experts, plot_style, plot_training
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.run_folder import Run, read_run

PNG = b"\x89PNG\r\n\x1a\n"


class PlotRunTest(ScriptTestCase):
    def draw(self, folder: Path) -> list[str]:
        """Draws in this process with every warning an error; the lines that were printed."""
        lines: list[str] = []
        with (
            mock.patch("builtins.print", lambda line, file=None: lines.append(str(line))),
            mock.patch.object(plot_style, "DPI", 20),  # quick
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            plot_run.draw(folder)
        return lines

    def test_every_kind_of_run(self) -> None:
        for kind, fake in KINDS.items():
            with self.subTest(kind):
                folder = fake.write(self.folder / kind)
                lines = self.draw(folder)
                training = folder / "plots" / "training_results.png"
                experts = folder / "plots" / "expert_connectivity.png"
                self.assertIn(str(training), lines)
                self.assertTrue(training.read_bytes().startswith(PNG))
                has_graph = fake.coupler in ("GNN", "HGNN")
                self.assertEqual(experts.exists(), has_graph)
                self.assertEqual(str(experts) in lines, has_graph)
                self.assertEqual(len(list((folder / "plots").iterdir())), 1 + has_graph)

    def test_a_run_without_graph_says_so_and_removes_an_old_picture(self) -> None:
        folder = FakeRun(coupler="NONE", steps=3).write(self.folder / "run")
        old = self.write("run/plots/expert_connectivity.png", PNG)
        self.assertIn(
            "no expert_connectivity.png: coupler_type NONE has no graph between the experts",
            self.draw(folder),
        )
        self.assertFalse(old.exists())

    def test_an_unfinished_last_line_is_left_out(self) -> None:
        folder = FakeRun(steps=5).write(self.folder / "run")
        metrics = folder / "metrics.jsonl"
        events = read_run(folder).events
        metrics.write_bytes(metrics.read_bytes() + b'{"event":"step","st')
        self.assertEqual(read_run(folder).events, events)
        self.assertTrue(any("unfinished line" in line for line in self.draw(folder)))

    def test_an_unfinished_line_with_its_end_is_left_out(self) -> None:
        folder = FakeRun(steps=5).write(self.folder / "run")
        metrics = folder / "metrics.jsonl"
        whole, events = metrics.read_bytes(), read_run(folder).events
        for torn in (b'{"event":"step","st\n', b"\0\0\0\0\n", b"\xff\n"):
            metrics.write_bytes(whole + torn)
            self.assertEqual(read_run(folder).events, events)
        result = self.run_script("plot_run.py", folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            result.stderr, "note: metrics.jsonl ends in an unfinished line, left out\n"
        )
        self.assertNotIn("note", result.stdout)

    def test_bad_lines_are_named_in_plain_words(self) -> None:
        folder = FakeRun(steps=2).write(self.folder / "run")
        step = b'{"event": "step", "step": 1}\n'
        cases = {
            b"\xff\n" + step: "line 1: not a JSON object in UTF-8",
            b"{\n" + step: "line 1: not a JSON object in UTF-8",
            step + b"[1]\n": 'line 2: not an object with a text "event"',
            step + b'{"step": 1}\n': 'line 2: not an object with a text "event"',
            step + b'{"event": "step", "step": null}\n': 'line 2: the event has no whole number',
        }
        for content, message in cases.items():
            (folder / "metrics.jsonl").write_bytes(content)
            with self.subTest(content), self.assertRaisesRegex(UserError, message) as caught:
                read_run(folder)
            self.assertNotRegex(str(caught.exception), r"Error\(")

    def test_a_run_that_just_began(self) -> None:
        folder = FakeRun().write(self.folder / "run")
        (folder / "metrics.jsonl").unlink()
        (folder / "run_summary.json").unlink()
        self.assertTrue(
            any(line.startswith("no expert_connectivity") for line in self.draw(folder))
        )

    def test_non_finite_values_are_gaps_not_crashes(self) -> None:
        folder = FakeRun(steps=1).write(self.folder / "run")
        rows = [json.loads(row) for row in (folder / "metrics.jsonl").read_text().splitlines()]
        for row in rows:
            if row["event"] == "coupler":
                row["mixing"][0] = [None] * 4
                row["hyperedge_weights"][0] = None
        self.write("run/metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        self.draw(folder)

    def test_errors(self) -> None:
        script = "plot_run.py"
        self.fail_with(EXIT_USAGE, script, self.folder / "none")
        self.assertIn("config.json", self.fail_with(EXIT_DATA, script, self.folder))
        folder = FakeRun(steps=2).write(self.folder / "run")
        first, *rest = (folder / "metrics.jsonl").read_text().splitlines()
        self.write("run/metrics.jsonl", "\n".join([first, '{"event":"st', *rest]) + "\n")
        self.assertIn("metrics.jsonl, line 2", self.fail_with(EXIT_DATA, script, folder))


class ContentTest(ScriptTestCase):
    """What the pictures show, taken from the axes before they are saved."""

    def axes_of(self, draw: Callable[[Run, Path], None], fake: FakeRun) -> list:
        run = read_run(fake.write(self.folder / "run"))
        figures = []
        with mock.patch.object(plot_style, "save", lambda figure, path: figures.append(figure)):
            draw(run, self.folder / "x.png")
        self.title = figures[0].get_suptitle()
        return [axes for axes in figures[0].axes if axes.get_title()]

    def test_training_curves_hold_the_recorded_values(self) -> None:
        fake = FakeRun(steps=40)
        loss, rate, norm, throughput = self.axes_of(plot_training.draw_training, fake)
        by_label = {line.get_label(): line for line in loss.lines}
        expected = [fake.loss(step) for step in range(1, 41)]
        self.assertEqual(list(by_label["training batch"].get_ydata()), expected)
        self.assertEqual(list(by_label["evaluation"].get_xdata()), [20, 40])
        self.assertTrue(any(label.startswith("best evaluation") for label in by_label))
        styles = [(line.get_linestyle(), line.get_marker()) for line in loss.lines]
        self.assertEqual(len(set(styles)), len(styles), "lines differ by colour alone")
        for axes in (loss, rate, norm, throughput):
            self.assertTrue(axes.get_xlabel() and axes.get_ylabel())

    def test_divergence_is_marked(self) -> None:
        loss, *_ = self.axes_of(plot_training.draw_training, FakeRun(diverges_at=7))
        self.assertIn("loss not finite\nat step 7", [text.get_text() for text in loss.texts])
        self.assertIn("diverged", self.title)

    def test_synthetic_data_is_said(self) -> None:
        for draw in (plot_training.draw_training, plot_experts.draw_experts):
            with self.subTest(draw.__name__):
                self.folder = self.folder / draw.__name__
                self.axes_of(draw, FakeRun(steps=2, synthetic=True))
                self.assertIn("SYNTHETIC DATA", self.title)

    def test_matrices_and_weights(self) -> None:
        fake = FakeRun(layers=2, steps=40)
        axes = self.axes_of(plot_experts.draw_experts, fake)
        self.assertEqual(len(axes), 2 * 3)
        first, last, weights = axes[:3]
        self.assertIn("step 0", first.get_title())
        self.assertIn("step 40", last.get_title())
        event = fake.hgnn_event(40, 0)
        shown = last.images[0].get_array()
        self.assertTrue(
            all(
                math.isclose(shown[i][j], event["mixing"][i][j]) for i in range(4) for j in range(4)
            )
        )
        self.assertEqual(len(weights.lines), 6)
        self.assertEqual(weights.lines[1].get_label(), "{0,2}")
        self.assertEqual(weights.lines[1].get_ydata()[-1], event["hyperedge_weights"][1])

    def test_every_coupler_layer_of_a_gnn_has_its_row(self) -> None:
        fake = FakeRun(coupler="GNN", layers=1, coupler_layers=2, steps=40)
        axes = self.axes_of(plot_experts.draw_experts, fake)
        self.assertEqual(len(axes), 2 * 3)
        for row, first_entry in enumerate((0.3, 0.4)):
            first, last, adjacency = axes[3 * row : 3 * row + 3]
            for panel in (first, last, adjacency):
                self.assertIn(f"layer 0, coupler layer {row}\n", panel.get_title())
            self.assertIn("step 0", first.get_title())
            self.assertIn("step 40\nlargest change since step 0: 0.004", last.get_title())
            self.assertNotIn("change", first.get_title())
            self.assertAlmostEqual(first.images[0].get_array()[1][0], first_entry)
            self.assertAlmostEqual(last.images[0].get_array()[0][1], first_entry + 0.004)
            self.assertIn(f"{first_entry + 0.004:.3f}", [text.get_text() for text in last.texts])
        self.assertIn(" 1 layer,", self.title)

    def test_rows_beyond_the_largest_picture_are_counted(self) -> None:
        fake = FakeRun(coupler="GNN", experts=2, layers=3, steps=0)
        with mock.patch.object(plot_experts, "MAX_ROWS", 4):
            axes = self.axes_of(plot_experts.draw_experts, fake)
        self.assertEqual(len(axes), 4 * 2)
        self.assertIn("the first 4 of 6 graphs", self.title)


if __name__ == "__main__":
    unittest.main()

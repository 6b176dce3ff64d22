"""scripts/plot_embeddings.py: pictures of what hgt_embed validate reports."""

import json
import unittest
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

from fake_embeddings import PLACES, fake_report, write_report
from support import ScriptTestCase

import plot_embeddings
from hgnn_tools import plot_style
from hgnn_tools.embeddings import pictures
from hgnn_tools.embeddings.embedding_report import parse_report
from hgnn_tools.errors import EXIT_DATA

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = ("embedding_distributions.png", "pca_visualization.png", "embedding_spectra.png")


class PlotEmbeddingsTest(ScriptTestCase):
    def draw(self, report: dict[str, Any], out: Path | None = None) -> list[str]:
        """Draws in this process with every warning an error; the lines that were printed."""
        path = write_report(self.folder / "report.json", report)
        lines: list[str] = []
        with (
            mock.patch("builtins.print", lambda line: lines.append(str(line))),
            mock.patch.object(plot_style, "DPI", 20),  # quick
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            plot_embeddings.draw(path, out)
        return lines

    def test_every_picture_is_drawn(self) -> None:
        lines = self.draw(fake_report())
        self.assertEqual(lines, [str(self.folder / "plots" / name) for name in NAMES])
        for line in lines:
            self.assertTrue(Path(line).read_bytes().startswith(PNG))

    def test_a_folder_can_be_given(self) -> None:
        self.draw(fake_report(), self.folder / "elsewhere")
        self.assertEqual(
            sorted(path.name for path in (self.folder / "elsewhere").iterdir()), sorted(NAMES)
        )

    def test_figures_that_are_missing_are_said(self) -> None:
        report = fake_report()
        empty = report["types"][0]
        empty["norm_histogram"]["counts"] = [0] * 10
        empty["cosine_histogram"]["counts"] = []
        empty["points"] = {"x": [], "y": []}
        empty["spectrum"]["variances"] = []
        report["types"][1]["points"]["y"] = []  # one number each
        report["axis_shares"] = [1.0]
        self.draw(report)
        report["types"] = [empty]
        self.draw(report)

    def test_the_script_as_users_run_it(self) -> None:
        path = write_report(self.folder / "report.json", fake_report())
        out = self.succeed("plot_embeddings.py", path, "--out", self.folder / "out")
        self.assertEqual(len(out.splitlines()), 3)

    def test_errors(self) -> None:
        script = "plot_embeddings.py"
        self.fail_with(EXIT_DATA, script, self.folder / "none.json")
        self.assertIn("not JSON", self.fail_with(EXIT_DATA, script, self.write("a.json", "{")))
        self.assertIn(
            "format_version None", self.fail_with(EXIT_DATA, script, self.write("b.json", "[]"))
        )
        report = fake_report()
        report["format_version"] = 2
        other = self.write("c.json", json.dumps(report))
        self.assertIn("format_version 2", self.fail_with(EXIT_DATA, script, other))
        report = fake_report()
        del report["types"][1]["spectrum"]
        torn = self.write("d.json", json.dumps(report))
        self.assertIn("'spectrum'", self.fail_with(EXIT_DATA, script, torn))


class ContentTest(unittest.TestCase):
    """What the pictures show, taken from the figures before they are saved."""

    def figure_of(self, name: str, report: dict[str, Any]) -> Any:
        figures = []
        with mock.patch.object(plot_style, "save", lambda figure, path: figures.append(figure)):
            pictures.PICTURES[name](parse_report(report), Path(name))
        return figures[0]

    def test_distributions_hold_the_shares(self) -> None:
        report = fake_report()
        norms, cosines = self.figure_of(NAMES[0], report).axes
        for axes in (norms, cosines):
            self.assertEqual([line.get_label() for line in axes.lines], list(PLACES))
            styles = {(line.get_linestyle(), line.get_marker()) for line in axes.lines}
            self.assertEqual(len(styles), len(PLACES), "lines differ by colour alone")
            for line in axes.lines:
                self.assertAlmostEqual(sum(line.get_ydata()), 1.0)
        counts = report["types"][0]["norm_histogram"]["counts"]
        self.assertEqual(
            list(norms.lines[0].get_ydata()), [count / sum(counts) for count in counts]
        )
        self.assertAlmostEqual(cosines.lines[0].get_xdata()[0], -0.9)

    def test_the_projection_shows_all_types(self) -> None:
        report = fake_report()
        figure = self.figure_of(NAMES[1], report)
        (axes,) = figure.axes
        self.assertEqual(len(axes.collections), len(PLACES))
        shapes = {cloud.get_paths()[0].vertices.tobytes() for cloud in axes.collections}
        self.assertEqual(len(shapes), len(PLACES), "points differ by colour alone")
        for cloud, entry in zip(axes.collections, report["types"], strict=True):
            self.assertEqual(cloud.get_offsets()[:, 0].tolist(), entry["points"]["x"])
            self.assertEqual(cloud.get_offsets()[:, 1].tolist(), entry["points"]["y"])
        self.assertIn("60.0 %", axes.get_xlabel())
        self.assertIn("10.0 %", axes.get_ylabel())
        self.assertIn("verdict: good", figure.get_suptitle())

    def test_a_spectrum_for_each_type(self) -> None:
        report = fake_report()
        report["types"][2]["verdict"] = {"grade": "good", "judged": False, "findings": []}
        panels = self.figure_of(NAMES[2], report).axes
        drawn = [axes for axes in panels if axes.axison]
        self.assertEqual(len(drawn), len(PLACES))
        for axes, entry in zip(drawn, report["types"], strict=True):
            self.assertIn(entry["name"], axes.get_title())
            variances = entry["spectrum"]["variances"]
            cumulated = axes.lines[0].get_ydata()
            self.assertAlmostEqual(cumulated[0], variances[0] / sum(variances))
            self.assertAlmostEqual(cumulated[-1], 1.0)
            components = entry["spectrum"]["components_90"]
            self.assertTrue(axes.get_title().endswith(f"90 % of the variance in {components}"))
        self.assertIn("too few to judge", drawn[2].get_title())

    def test_the_smallest_of_many_types_are_left_out(self) -> None:
        report = fake_report()
        with mock.patch.object(pictures, "MAX_TYPES", 2):
            figure = self.figure_of(NAMES[1], report)
        labels = [cloud.get_label() for cloud in figure.axes[0].collections]
        self.assertEqual(labels, ["drug (40 of 40)", "gene (120 of 120)"])
        self.assertIn("without the 1 smallest types", figure.get_suptitle())


if __name__ == "__main__":
    unittest.main()

"""scripts/plot_comparison.py: pictures of what hgt_embed compare writes."""

import json
import unittest
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

from support import ScriptTestCase

import plot_comparison
from hgnn_tools import plot_style
from hgnn_tools.comparing import picture
from hgnn_tools.comparing.comparison import Comparison, read_comparison
from hgnn_tools.errors import EXIT_DATA

PNG = b"\x89PNG\r\n\x1a\n"
CURVES = """\
variant,seed,step,epoch,loss,seconds
mini,1,1,0,4.0,0.5
mini,1,2,0,2.0,1.0
mini,1,3,1,1.0,1.5
mini,2,1,0,5.0,0.5
mini,2,2,0,5.0,1.2
mini,2,3,1,2.0,1.8
full,1,1,0,3.0,4.0
full,1,2,1,2.5,8.0
"""


def fake_comparison() -> dict[str, Any]:
    return {
        "format_version": 1,
        "compare": "batch",
        "relation": None,
        "quality": "mrr",
        "variants": [{"name": "mini"}, {"name": "full"}],
        "runs": [
            {"variant": "mini", "seed": 1, "figures": {"mrr": 0.5}},
            {"variant": "full", "seed": 1, "figures": {"mrr": 0.4}},
            {"variant": "mini", "seed": 2, "figures": {"mrr": 0.7}},
            {"variant": "full", "seed": 2, "figures": {}},
        ],
        "use": "mini",
        "why": "Use mini: full is not done (seed 2: out_of_memory).",
    }


class PlotComparisonTest(ScriptTestCase):
    def write_comparison(self, content: dict[str, Any], curves: str = CURVES) -> Path:
        self.write("curves.csv", curves)
        return self.write("compare.json", json.dumps(content))

    def read(self, content: dict[str, Any], curves: str = CURVES) -> Comparison:
        return read_comparison(self.write_comparison(content, curves))

    def figure_of(self, comparison: Comparison) -> Any:
        figures = []
        with mock.patch.object(plot_style, "save", lambda figure, path: figures.append(figure)):
            picture.draw_comparison(comparison, Path("any.png"))
        return figures[0]

    def test_an_epoch_is_the_mean_of_its_steps(self) -> None:
        mini, full = self.read(fake_comparison()).variants
        self.assertEqual([curve.loss for curve in mini.curves], [[3.0, 1.0], [5.0, 2.0]])
        self.assertEqual([curve.seconds for curve in mini.curves], [[1.0, 1.5], [1.2, 1.8]])
        self.assertEqual(mini.quality, [0.5, 0.7])
        self.assertEqual(len(full.curves), 1)
        self.assertEqual(full.quality, [0.4], "a run that is not done has none")

    def test_the_panels_show_the_figures(self) -> None:
        by_epoch, by_time, quality = self.figure_of(self.read(fake_comparison())).axes
        self.assertEqual([line.get_label() for line in by_epoch.lines], ["mini", "full"])
        self.assertEqual(list(by_epoch.lines[0].get_ydata()), [4.0, 1.5])
        self.assertEqual(len(by_time.lines), 3, "a line a seed")
        self.assertEqual(list(by_time.lines[2].get_xdata()), [4.0, 8.0])
        self.assertEqual(list(quality.lines[0].get_ydata()), [0.5, 0.7])
        styles = {(line.get_linestyle(), line.get_marker()) for line in by_epoch.lines}
        self.assertEqual(len(styles), 2, "lines differ by colour alone")
        markers = {line.get_marker() for line in quality.lines}
        self.assertEqual(len(markers), 2, "points differ by colour alone")

    def test_what_is_missing_is_said(self) -> None:
        content = fake_comparison()
        content["runs"] = []
        header = CURVES.splitlines()[0] + "\n"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            axes = self.figure_of(self.read(content, header)).axes
        words = [panel.texts[0].get_text() for panel in axes]
        self.assertEqual(words, ["no run made a step"] * 2 + ["no run is done"])

    def test_the_script_as_users_run_it(self) -> None:
        path = self.write_comparison(fake_comparison())
        out = self.succeed("plot_comparison.py", path)
        self.assertEqual(out, f"{self.folder / 'comparison.png'}\n")
        self.assertTrue((self.folder / "comparison.png").read_bytes().startswith(PNG))
        with mock.patch("builtins.print"), mock.patch.object(plot_style, "DPI", 20):
            plot_comparison.draw(path, self.folder / "elsewhere" / "x.png")
        self.assertTrue((self.folder / "elsewhere" / "x.png").is_file())

    def test_errors(self) -> None:
        script = "plot_comparison.py"
        self.fail_with(EXIT_DATA, script, self.folder / "none.json")
        self.assertIn("not JSON", self.fail_with(EXIT_DATA, script, self.write("a.json", "{")))
        other = self.write("b.json", '{"format_version": 2}')
        self.assertIn("format_version 2", self.fail_with(EXIT_DATA, script, other))
        path = self.write_comparison(fake_comparison(), "variant,seed\nmini,1\n")
        self.assertIn("no table of curves", self.fail_with(EXIT_DATA, script, path))
        (self.folder / "curves.csv").unlink()
        self.assertIn("beside compare.json", self.fail_with(EXIT_DATA, script, path))
        content = fake_comparison()
        del content["why"]
        self.assertIn(
            "'why'", self.fail_with(EXIT_DATA, script, self.write_comparison(content))
        )


if __name__ == "__main__":
    unittest.main()

"""scripts/analyze_run.py: pictures of what a graph learned, and ablations by class of token."""

import contextlib
import csv
import io
import itertools
import json
import math
import unittest
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from fake_ablations import END_OF_TEXT, LENGTH, has_target, write_ablation, write_data, write_run
from fake_runs import KINDS, FakeRun
from support import ScriptTestCase

import analyze_run
from hgnn_tools import plot_style
from hgnn_tools.analysis import plot_ablation, plot_hypergraph, plot_layers, run_analysis
from hgnn_tools.analysis.ablation import Removal, effect_of, read_ablation
from hgnn_tools.analysis.layer_series import evenness, series_of, similarities
from hgnn_tools.analysis.token_classes import classes_of, frequency_bands
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.hyperedges import hyperedge_members
from hgnn_tools.indexed_dataset import read_indexed
from hgnn_tools.run_folder import read_run
from hgnn_tools.seed_statistics import t_quantile
from hgnn_tools.tables import Table
from hgnn_tools.tokenizing import read_tokenizer_file

# Runs whose pictures are drawn: all shapes of them.
DRAWN = ("gnn", "one_expert", "negative_weights", "triplets_of_eight")
PARTS = {"coupler": 0.4, "expert-0": 0.0, "expert-1": 0.1, "hyperedge-0": -0.05}


def analyze(
    folder: Path, do: Callable[[Path], None] = analyze_run.analyze, draws: bool = False
) -> str:
    """What it prints, in this process with every warning an error. Pictures are composed but,
    unless the test `draws`, not drawn."""
    save = plot_style.save if draws else write_nothing
    text = io.StringIO()
    with (
        contextlib.redirect_stdout(text),
        contextlib.redirect_stderr(text),
        mock.patch.object(plot_style, "DPI", 20),  # quick
        mock.patch.object(plot_style, "save", save),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        do(folder)
    return text.getvalue()


def write_nothing(_: object, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")


def constant_layer_event(_: FakeRun, step: int, layer: int) -> dict[str, Any]:
    eigenvalue = 0.5 + 1e-12 * (step % 3)
    return {"event": "layer", "step": step, "layer": layer, "second_eigenvalue": eigenvalue}


def ablation_alone(folder: Path) -> None:
    for line in run_analysis.write_ablation(read_run(folder)):
        print(line)


class PicturesTest(ScriptTestCase):
    def test_every_kind_of_run(self) -> None:
        for kind, fake in KINDS.items():
            with self.subTest(kind):
                folder = fake.write(self.folder / kind)
                output = analyze(folder, draws=kind in DRAWN)
                drawn = {path.name for path in (folder / "plots").iterdir()}
                expected = {"layer_evolution.png"}
                if fake.experts > 1 and fake.records_layers:
                    expected.add("expert_similarity.png")
                if fake.coupler == "HGNN":
                    expected.add("hypergraph.png")
                self.assertEqual(drawn, expected)
                for name in ("layer_evolution", "expert_similarity", "hypergraph", "ablation"):
                    said = f"no {name}.png: " in output
                    self.assertEqual(said, f"{name}.png" not in drawn, output)
                self.assertIn("--eval_only --ablate --resume_checkpoint auto", output)

    def test_what_is_missing_is_said_with_what_to_do(self) -> None:
        folder = FakeRun(coupler="NONE", experts=1, records_layers=False).write(self.folder / "run")
        old = self.write("run/plots/layer_evolution.png", b"old")
        output = analyze(folder)
        self.assertIn("has no layer and no coupler events", output)
        self.assertIn("train it again", output)
        self.assertIn("coupler_type NONE has no hyperedges", output)
        self.assertFalse(old.exists())

    def test_values_that_are_not_finite(self) -> None:
        folder = FakeRun(steps=20).write(self.folder / "run")
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for row in rows:
            if row["event"] == "layer":
                row["expert_cka"][0][1] = None
                row["expert_norms"][0] = None
                row["dirichlet_after"] = None
            if row["event"] == "coupler":
                row["mixing"][0] = [None] * 4
                row["hyperedge_weights"][0] = None
        self.write("run/metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        analyze(folder)

    def test_errors(self) -> None:
        script = "analyze_run.py"
        self.fail_with(EXIT_USAGE, script, self.folder / "none")
        self.assertIn("config.json", self.fail_with(EXIT_DATA, script, self.folder))
        folder = FakeRun(steps=2).write(self.folder / "run")
        metrics = folder / "metrics.jsonl"
        metrics.write_bytes(b"[]\n" + metrics.read_bytes())
        self.assertIn("metrics.jsonl, line 1", self.fail_with(EXIT_DATA, script, folder))


class ContentTest(ScriptTestCase):
    def figure_of(self, draw: object, fake: FakeRun) -> object:
        run = read_run(fake.write(self.folder / "run"))
        figures = []
        with mock.patch.object(plot_style, "save", lambda figure, path: figures.append(figure)):
            draw(run, self.folder / "x.png")
        return figures[0]

    def test_panels_hold_the_recorded_values(self) -> None:
        fake = FakeRun(steps=40)
        figure = self.figure_of(plot_layers.draw_layers, fake)
        panels = {axes.get_title(): axes for axes in figure.axes}
        eigenvalues = panels["Second eigenvalue of the mixing"].lines
        self.assertEqual(len(eigenvalues), 2)
        expected = [fake.layer_event(step, 1)["second_eigenvalue"] for step in (0, 20, 40)]
        self.assertEqual(list(eigenvalues[1].get_ydata()), expected)
        energies = panels["Dirichlet energy before (dashed, hollow) and after"].lines
        before = [fake.layer_event(step, 0)["dirichlet_before"] for step in (0, 20, 40)]
        self.assertEqual(list(energies[2].get_ydata()), before)
        self.assertEqual(energies[2].get_markerfacecolor(), "white")
        gradients = panels["Gradient of the hyperedge weights"].lines[0].get_ydata()
        self.assertTrue(math.isnan(gradients[0]) and gradients[1] > 0)
        styles = {(line.get_marker(), line.get_linestyle()) for line in eigenvalues}
        self.assertEqual(len(styles), 2, "lines differ by colour alone")

    def test_rounding_errors_of_a_constant_look_constant(self) -> None:
        with mock.patch.object(FakeRun, "layer_event", constant_layer_event):
            figure = self.figure_of(plot_layers.draw_layers, FakeRun(steps=40))
        panels = {axes.get_title(): axes for axes in figure.axes}
        low, high = panels["Second eigenvalue of the mixing"].get_ylim()
        self.assertGreater(high - low, 0.009)

    def test_similarity_is_of_different_experts(self) -> None:
        event = {"expert_cka": [[1.0, 0.2, 0.4], [0.2, 1.0, None], [0.4, None, 1.0]]}
        found = similarities(event)
        np.testing.assert_array_equal(found[:2], [0.2, 0.4])
        self.assertTrue(math.isnan(found[2]))
        self.assertEqual(similarities({"expert_cka": [[1.0]]}).size, 0)

    def test_evenness(self) -> None:
        even = [[0.25] * 4] * 4
        np.testing.assert_allclose(evenness({"mixing": even}), 1.0)
        np.testing.assert_allclose(evenness({"mixing": np.eye(4).tolist()}), 0.0)
        heard = [[0, 0.3, 0.3], [0.1, 0, 0.1], [0.0, 0.5, 0]]
        found = evenness({"mixing": heard, "adjacency": heard})
        np.testing.assert_allclose(found, [1.0, 1.0, 0.0])
        # An expert in no hyperedge listens to nobody.
        self.assertTrue(math.isnan(evenness({"mixing": [[0.0, 0.0], [1.0, 0.0]]})[0]))

    def test_graphs_of_a_gnn_are_told_apart(self) -> None:
        run = read_run(FakeRun(coupler="GNN", layers=1).write(self.folder / "run"))
        names = [series.name for series in series_of(run, "coupler", evenness)]
        self.assertEqual(names, ["layer 0, coupler layer 0", "layer 0, coupler layer 1"])

    def test_pairs_are_as_wide_as_their_weights(self) -> None:
        fake = FakeRun(layers=1, steps=20)
        figure = self.figure_of(plot_hypergraph.draw_hypergraph, fake)
        widths = sorted(line.get_linewidth() for line in figure.axes[0].lines)
        weights = sorted(fake.hgnn_event(20, 0)["hyperedge_weights"])
        np.testing.assert_allclose(
            widths, [plot_hypergraph.WIDEST * weight / weights[-1] for weight in weights]
        )

    def test_negative_weights_are_dashed(self) -> None:
        fake = FakeRun(layers=1, negative_weights=True)
        figure = self.figure_of(plot_hypergraph.draw_hypergraph, fake)
        dashes = Counter(line.get_linestyle() for line in figure.axes[0].lines)
        self.assertEqual(dashes, {"-": 5, "--": 1})

    def test_triplets_have_a_line_to_each_member(self) -> None:
        fake = FakeRun(layers=1, options={"static_hyperedge_strategy": "all_triplets"})
        figure = self.figure_of(plot_hypergraph.draw_hypergraph, fake)
        self.assertEqual(len(figure.axes[0].lines), 4 * 3)

    def test_weights_of_pairs_add_up_over_hyperedges(self) -> None:
        joined = plot_hypergraph.weights_of_pairs([(0, 1, 2), (1, 2, 3)], np.array([0.5, 0.25]))
        self.assertEqual(joined[1, 2], 0.75)
        self.assertEqual((joined[0, 1], joined[2, 3]), (0.5, 0.25))

    def test_members_from_a_file(self) -> None:
        path = self.write("edges.json", "[[0, 1, 2], [3, 1]]")
        fake = FakeRun(steps=0, options={"hyperedges_file": str(path)})
        run = read_run(fake.write(self.folder / "run"))
        self.assertEqual(hyperedge_members(run, 2), [(0, 1, 2), (3, 1)])
        self.assertIsNone(hyperedge_members(run, 6))
        path.unlink()
        self.assertIsNone(hyperedge_members(run, 2))
        self.assertIn("members of its hyperedges are unknown", analyze(run.folder))


class AblationTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.data = write_data(self.folder / "data")

    def ablated(self, sample_mode: str = "lines") -> Path:
        run = write_run(self.folder / sample_mode, self.data, FakeRun(steps=20), sample_mode)
        write_ablation(run, has_target(self.data, sample_mode), PARTS)
        return run

    def rows(self, run: Path) -> dict[tuple[str, str], dict[str, str]]:
        with (run / "ablation" / "by_class.csv").open(newline="") as file:
            return {(row["name"], row["class"]): row for row in csv.DictReader(file)}

    def losses(self, run: Path, name: str) -> np.ndarray:
        return np.load(run / "ablation" / f"{name}.npy").astype(float)

    def test_overall_numbers(self) -> None:
        run = self.ablated()
        output = analyze(run, draws=True)
        whole, without = self.losses(run, "nothing"), self.losses(run, "coupler")
        row = self.rows(run)["coupler", "all targets"]
        self.assertAlmostEqual(float(row["loss"]), np.nanmean(without), places=9)
        self.assertAlmostEqual(float(row["difference"]), np.nanmean(without - whole), places=9)
        self.assertIn(f"+{np.nanmean(without - whole):.4f}", output)
        self.assertIn(str(run / "plots" / "ablation.png"), output)
        self.assertIn("Ablation, weights of step 100", output)

    def test_classes_of_lines_against_a_loop(self) -> None:
        run = self.ablated()
        analyze(run, ablation_alone)
        tokenizer = read_tokenizer_file(self.data / "tokenizer.json")
        counts: Counter[int] = Counter()
        for document in self.documents("train"):
            counts.update(document[1:LENGTH])
        bands = self.bands(counts)
        whole, without = self.losses(run, "nothing"), self.losses(run, "coupler")
        sums: dict[str, list[float]] = {}
        for line, document in enumerate(self.documents("eval")):
            for place, token in enumerate(document[1:LENGTH]):
                gain = without[line, place] - whole[line, place]
                position = place + 1
                where = "1 to 4" if position <= 4 else "5 to 16" if position <= 16 else "from 17"
                starts = tokenizer.id_to_token(token)[0] in "ĠĊĉč"
                word = "start" if starts else "continuation"
                for name in (bands.get(token, "rare"), where, word):
                    sums.setdefault(name, []).append(gain)
        rows = self.rows(run)
        self.assertEqual(len(sums), 8)
        for name, gains in sums.items():
            with self.subTest(name):
                row = rows["coupler", name]
                self.assertEqual(int(row["targets"]), len(gains))
                self.assertAlmostEqual(float(row["difference"]), math.fsum(gains) / len(gains))

    def documents(self, split: str) -> list[list[int]]:
        indexed = read_indexed(self.data / split)
        return [part.tolist() for part in np.split(indexed.tokens, np.cumsum(indexed.sizes)[:-1])]

    def bands(self, counts: Counter[int]) -> dict[int, str]:
        total, seen, bands = sum(counts.values()), 0, {}
        for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            share = seen / total
            bands[token] = "frequent" if share < 0.5 else "middling" if share < 0.9 else "rare"
            seen += count
        return bands

    def test_packed_windows(self) -> None:
        run = self.ablated("packed")
        self.assertNotIn("no classes", analyze(run, ablation_alone))
        rows = self.rows(run)
        self.assertEqual(rows["coupler", "1 to 4"]["classing"], "position in the window")
        tokenizer = read_tokenizer_file(self.data / "tokenizer.json")
        end = tokenizer.token_to_id(END_OF_TEXT)
        stream = [token for document in self.documents("eval") for token in (*document, end)]
        kinds: Counter[str] = Counter()
        for before, token in itertools.islice(itertools.pairwise(stream), self.targets(run)):
            starts = before == end or tokenizer.id_to_token(token)[0] == "Ġ"
            kinds["end" if token == end else "start" if starts else "continuation"] += 1
        self.assertGreater(kinds["end"], 30)  # neither starts a word nor continues it
        for kind in ("start", "continuation"):
            self.assertEqual(int(rows["coupler", kind]["targets"]), kinds[kind])

    def targets(self, run: Path) -> int:
        return int(np.isfinite(self.losses(run, "nothing")).sum())

    def test_frequency_bands(self) -> None:
        bands = frequency_bands(np.array([3] * 50 + [1] * 41 + [0] * 9), vocab_size=5)
        self.assertEqual(bands.tolist(), [2, 1, 2, 0, 2])

    def test_intervals_take_samples_as_independent(self) -> None:
        whole = np.array([[1.0, 2.0, np.nan], [2.0, 4.0, 3.0], [5.0, np.nan, np.nan]])
        added = np.array([[0.1, 0.3, 0.0], [0.5, 0.5, 0.2], [-0.1, 0.0, 0.0]])
        mask = ~np.isnan(whole)
        removals = Removal("nothing", "", None, whole), Removal("a", "", None, whole + added)
        effect = effect_of(removals[1], removals[0], mask)
        self.assertAlmostEqual(effect.difference, 1.5 / 6)
        # Sums of samples 0.4, 1.2, -0.1 of 2, 3, 1 targets; the mean difference is 0.25.
        residuals = [0.4 - 0.5, 1.2 - 0.75, -0.1 - 0.25]
        error = math.sqrt(3 / 2 * sum(one**2 for one in residuals)) / 6
        self.assertAlmostEqual(effect.interval[1], 0.25 + t_quantile(0.975, 2) * error)
        self.assertIsNone(effect_of(removals[1], removals[0], mask & False))
        only_first = mask & (np.arange(3)[:, None] == 0)
        self.assertIsNone(effect_of(removals[1], removals[0], only_first).interval)

    def test_classes_that_cannot_be_made_are_named(self) -> None:
        run = self.ablated()
        losses = self.losses(run, "nothing")
        (self.data / "tokenizer.json").unlink()
        found = classes_of(read_run(run), losses)
        self.assertEqual(len(found.classings), 2)
        self.assertIn("no classes by word", found.missing[0])
        (self.data / "train.idx").unlink()
        self.assertIn("no classes by frequency", classes_of(read_run(run), losses).missing[0])
        some = classes_of(read_run(run), losses[:5])
        self.assertIn("--num_eval_samples -1", some.missing[0])
        (self.data / "dataset.json").unlink()
        gone = classes_of(read_run(run), losses)
        self.assertEqual([one.name for one in gone.classings], ["position in the line"])
        self.assertIn("dataset.json", gone.missing[0])
        self.assertIn("no classes by", analyze(run, ablation_alone))

    def test_small_effects_show_beside_a_large_one(self) -> None:
        rows = [
            {"name": name, "classing": None, "class": "all targets", "difference": gain}
            for name, gain in (("coupler", 1.5), ("expert-0", 0.01), ("hyperedge-0", -0.002))
        ]
        table = Table("by_class", "", (), tuple(rows))
        names = [row["name"] for row in rows]
        self.assertEqual(plot_ablation.outliers_of(table, names), ["coupler"])
        rows[1]["difference"] = 0.5
        self.assertEqual(plot_ablation.outliers_of(table, names), ["coupler", "expert-0"])
        rows[2]["difference"] = -0.2
        self.assertEqual(plot_ablation.outliers_of(table, names), [])

    def test_a_model_of_one_part(self) -> None:
        run = write_run(
            self.folder / "one", self.data, FakeRun(coupler="NONE", experts=1, steps=20)
        )
        write_ablation(run, has_target(self.data, "lines"), {})
        self.assertIn("no part that it could do without", analyze(run, ablation_alone))

    def test_damaged_ablations(self) -> None:
        run = self.ablated()
        path = run / "ablation" / "ablation.json"
        whole = json.loads(path.read_text())
        cases = {
            "{": "is not JSON",
            '{"rows": []}': "has no rows",
            '{"rows": [{"name": "nothing"}]}': 'without "name" or "file"',
            '{"rows": [{"name": "nothing", "file": "absent.npy"}]}': "cannot read",
            json.dumps({"rows": whole["rows"][1:]}): 'no single row "nothing"',
        }
        for content, message in cases.items():
            with self.subTest(content):
                path.write_text(content)
                with self.assertRaisesRegex(UserError, message):
                    read_ablation(run)
        path.write_text(json.dumps(whole))
        np.save(run / "ablation" / "expert-1.npy", np.ones((2, 3), dtype=np.float32))
        self.assertIn(
            "expert-1 has other targets", self.fail_with(EXIT_DATA, "analyze_run.py", run)
        )


if __name__ == "__main__":
    unittest.main()

"""The parts of hgnn_tools/reporting and hgnn_tools/tables.py by themselves."""

import csv
import io
import unittest

import support  # noqa: F401  (the path)
from fake_sweeps import FakeRow, FakeSweep, settings, study
from support import ScriptTestCase

from hgnn_tools.reporting.conditions import describe, meets
from hgnn_tools.reporting.configurations import Configuration, telling_options
from hgnn_tools.reporting.curves import band_of
from hgnn_tools.reporting.legend import legend_notes, summarised
from hgnn_tools.reporting.pareto import pareto_front
from hgnn_tools.reporting.picture import spread_labels, tag
from hgnn_tools.reporting.question_table import question_table
from hgnn_tools.reporting.questions import Question, questions_of
from hgnn_tools.reporting.curve import Curve
from hgnn_tools.reporting.sweep_folder import Row, read_sweep
from hgnn_tools.tables import Column, Table, cells, significant, to_csv, to_html, to_markdown


class TableTest(unittest.TestCase):
    def setUp(self) -> None:
        columns = (
            Column("name", "name"),
            Column("loss", "loss", "loss"),
            Column("gain", "gain", "signed_interval"),
            Column("empty", "never filled", "count"),
            Column("data", "data", csv_only=True),
        )
        rows = (
            {"name": "a|b", "loss": 1 / 3, "gain": (-0.5, 0.25), "data": "real"},
            {"name": None, "loss": "n/a (one seed)", "gain": "n/a (one seed)"},
            {"name": True, "loss": float("inf"), "gain": None},
        )
        self.table = Table("t", "T", columns, rows, ("note",))

    def test_cells(self) -> None:
        self.assertEqual([column.key for column in self.table.shown], ["name", "loss", "gain"])
        self.assertEqual(
            cells(self.table),
            [
                ["a|b", "0.3333", "[−0.5000, +0.2500]"],
                ["–", "n/a (one seed)", "n/a (one seed)"],
                ["yes", "not finite", "–"],
            ],
        )

    def test_csv_keeps_all_digits_and_all_columns(self) -> None:
        first, second, third = csv.DictReader(io.StringIO(to_csv(self.table)))
        self.assertEqual(float(first["loss"]), 1 / 3)
        self.assertEqual((first["gain_low"], first["gain_high"]), ("-0.5", "0.25"))
        self.assertEqual((second["gain_low"], second["gain_high"]), ("n/a (one seed)",) * 2)
        self.assertEqual((third["name"], third["empty"], first["data"]), ("true", "", "real"))

    def test_markdown_is_padded_and_escaped(self) -> None:
        lines = to_markdown(self.table).splitlines()
        self.assertEqual(len({len(line) for line in lines[2:7]}), 1)
        self.assertIn("a\\|b", lines[4])
        self.assertRegex(lines[3], r"^\| -+ \| -+: \| -+: \|$")
        self.assertEqual(lines[-1], "note")

    def test_a_mark_stays_with_its_word(self) -> None:
        """Readers of the page see the same text, which is broken elsewhere."""
        for text, told in (
            ("E=4, all_pairs †", 'E=4, <span class="together">all_pairs †</span>'),
            ("E=4 †§", '<span class="together">E=4 †§</span>'),
            ("a & b", "a &amp; b"),
        ):
            table = Table("t", "T", (Column("name", "name", "name"),), ({"name": text},))
            self.assertIn(f'<td class="name">{told}</td>', to_html(table))

    def test_significant_digits(self) -> None:
        for value, text in (
            (0, "0"),
            (0.865, "0.865"),
            (1.5, "1.50"),
            (12.34, "12.3"),
            (123.4, "123"),
            (12345.6, "12,346"),
            (-2.5, "−2.50"),
            (2.34e12, "2.34e12"),
            (4.2e-5, "4.20e-5"),
        ):
            self.assertEqual(significant(value), text)


class LegendTest(unittest.TestCase):
    def test_numbers_that_differ_are_ranges(self) -> None:
        notes = ["9 steps, 1,200 in 0.5 s", "10 steps, 970 in 0.5 s", "10 steps, 970 in 2 min"]
        found = ["9 to 10 steps, 970 to 1,200 in 0.5 s", "10 steps, 970 in 2 min"]
        self.assertEqual(summarised(notes), found)
        self.assertEqual(summarised(["no number", "no number"]), ["no number"])

    def test_notes_name_who_they_are_of(self) -> None:
        named = [
            (name, Configuration((Row(name, "done", 1, {}, notes=notes),), "best_eval_loss"))
            for name, notes in (("a", ["x", "y"]), ("b", []), *((one, ["y"]) for one in "cdefd"))
        ]
        self.assertEqual(legend_notes(named), ["a: x", "a; c; d; and 2 more: y"])


class NamesTest(unittest.TestCase):
    def test_the_group_is_named_once(self) -> None:
        same = [Configuration((Row("a", "done", 1, {}),), "best_eval_loss")] * 2
        self.assertEqual(telling_options(same, (), ()), ["group"])
        self.assertEqual(telling_options(same, ["group"], ()), ["group"])


class ConditionsTest(unittest.TestCase):
    def test_meets(self) -> None:
        self.assertTrue(meets(4, 4) and meets(4, 4.0) and meets(4, [2, 4]) and meets(None, None))
        self.assertTrue(
            meets(4, {"min": 4}) and meets(4, {"max": 4}) and meets(4, {"min": 1, "max": 9})
        )
        self.assertFalse(meets(4, {"min": 5}) or meets(4, {"max": 3}) or meets("4", {"min": 1}))
        self.assertFalse(meets(1, True) or meets(True, 1) or meets(True, {"min": 0}))

    def test_describe(self) -> None:
        conditions = {
            "coupler_type": "HGNN",
            "num_experts": [2, 4],
            "embed_dim": {"min": 64, "max": 128},
        }
        text = "coupler_type HGNN, num_experts 2 or 4, embed_dim from 64 to 128"
        self.assertEqual(describe(conditions), text)
        self.assertEqual(describe({"learned": False}), "learned false")


class ParetoTest(unittest.TestCase):
    def test_front(self) -> None:
        points = [(3, 1.0), (1, 3.0), (2, 3.0), (2, 2.0), (2, 2.5), (4, 1.0), (1, 3.0)]
        self.assertEqual(pareto_front(points), [1, 3, 0])
        self.assertEqual(pareto_front([]), [])


class LabelsTest(unittest.TestCase):
    def test_labels_keep_their_distance_and_their_order(self) -> None:
        wanted = [0.5, 0.51, 0.1, 0.52, 0.99]
        places = spread_labels(wanted, 0.1, (0.0, 1.0))
        self.assertEqual(places[2], 0.1)
        self.assertEqual(places[4], 0.99)
        self.assertAlmostEqual(places[1] - places[0], 0.1)
        self.assertAlmostEqual(sum((places[0], places[1], places[3])) / 3, 0.51)
        ordered = sorted(range(5), key=lambda one: wanted[one])
        self.assertEqual(ordered, sorted(range(5), key=lambda one: places[one]))

    def test_labels_stay_inside(self) -> None:
        places = spread_labels([0.0, 0.0, 0.01], 0.1, (0.0, 1.0))
        self.assertEqual((min(places), max(places)), (0.0, 0.2))
        self.assertLessEqual(max(spread_labels([0.5] * 30, 0.1, (0.0, 1.0))), 1.0)

    def test_tags_are_all_different(self) -> None:
        self.assertEqual(len({tag(place) for place in range(40)}), 40)


class CurveTest(unittest.TestCase):
    def test_band_is_over_the_steps_that_all_seeds_have(self) -> None:
        curves = [
            (7, Curve((10, 20, 30), (5.0, 4.0, 3.0), (1.0, 2.0, 3.0), (0.1, 0.2, 0.3))),
            (3, Curve((10, 30), (5.5, 3.5), (1.0, 3.0), (0.3, 0.5))),
            (1, Curve()),
        ]
        band = band_of("x", curves)
        self.assertEqual((band.steps, band.seeds), ((10, 30), (3, 7)))
        self.assertEqual((band.mean, band.low, band.high), ((5.25, 3.25), (5.0, 3.0), (5.5, 3.5)))
        self.assertEqual(band.minutes, (0.2, 0.4))
        self.assertIsNone(band_of("x", [(1, Curve())]))
        self.assertIsNone(band_of("x", [curves[0], (2, Curve((5,), (9.0,), (1.0,), (1.0,)))]))


class QuestionsTest(ScriptTestCase):
    def question(self, fake: FakeSweep) -> Question:
        sweep = read_sweep(fake.write(self.folder / "sweep"))
        (question,) = questions_of(sweep, "best_eval_loss")
        return question

    def test_the_baseline_shares_the_other_options(self) -> None:
        """Experts are compared with those of equal number, not with any."""
        asked = {
            "title": "?",
            "factor": "coupler_type",
            "where": {"static_hyperedge_strategy": [None, "all_pairs"]},
            "baseline": {"coupler_type": "MEAN"},
        }
        question = self.question(FakeSweep(study(), (asked,)))
        found = [
            (one.configuration.value_of("num_experts"), one.baseline.value_of("num_experts"))
            for one in question.comparisons.values()
            if one.configuration.value_of("coupler_type") != "NONE"
        ]
        self.assertEqual(found, [(e, e) for e in (2, 2, 2, 4, 4, 4, 8, 8, 8)])

    def test_no_baseline_where_two_are_as_near(self) -> None:
        asked = {
            "title": "?",
            "factor": ["coupler_type", "num_experts"],
            "where": {"coupler_type": ["MEAN", "NONE"]},
            "baseline": {"coupler_type": "MEAN"},
        }
        question = self.question(FakeSweep(study(), (asked,)))
        self.assertEqual(question.comparisons, {})

    def test_options_that_no_row_varies_can_be_asked_for(self) -> None:
        """Rows that have not begun have no folder yet, and are counted all the same."""
        rows = study((1, 2))
        late = tuple(
            type(row)(row.settings, row.seed, "pending", writes="nothing") for row in study((3,))
        )
        asked = {"title": "?", "factor": "num_experts", "where": {"num_layers": 2}}
        question = self.question(FakeSweep(rows + late, (asked,)))
        self.assertEqual({one.seeds for one in question.configurations}, {"2 of 3 (1 pending)"})

    def test_options_of_other_couplers_are_left_out(self) -> None:
        """A sweep lists defaults of options that a coupler has no use for."""
        unused = {"static_hyperedge_strategy": "all_pairs", "hgnn_learnable_edge_weights": True}
        used = {"static_hyperedge_strategy": "all_triplets", "hgnn_learnable_edge_weights": False}
        rows = [
            FakeRow({"coupler_type": coupler, "gnn_layers": layers, **options}, seed)
            for seed in (1, 2)
            for coupler, layers, options in (
                ("MEAN", 2, unused),
                ("GNN", 1, unused),
                ("HGNN", 2, used),
            )
        ]
        asked = {"title": "?", "factor": "coupler_type", "baseline": {"coupler_type": "MEAN"}}
        question = self.question(FakeSweep(tuple(rows), (asked,)))
        labels = [question.label(one) for one in question.configurations]
        self.assertEqual(labels, ["MEAN", "GNN, G=1", "HGNN, G=2, all_triplets, fixed weights"])
        _, gnn, hgnn = question_table(question).rows
        for row in (gnn, hgnn):
            self.assertNotIn("baseline has", row["verdict"])
            self.assertIsNotNone(row["difference"])

    def test_labels_are_short_and_differ(self) -> None:
        question = self.question(FakeSweep(study((1,))))
        labels = [question.label(one) for one in question.configurations]
        self.assertEqual(len(set(labels)), len(labels))
        self.assertIn("HGNN, E=4, all_pairs, fixed weights, D=128 †", labels)
        self.assertEqual(settings("NONE", 1, None, None)["embed_dim"], 200)
        self.assertIn("NONE, E=1, D=200", labels)


if __name__ == "__main__":
    unittest.main()

"""bench/step/flops.py and lengths.py: what a step needs, and how full its rows are."""

from dataclasses import replace
import unittest

from support import REPOSITORY
from step import flops, lengths
from step.case import BATCHES, DISTINCT_BATCHES, EFFICIENCY, MAIN, Case

WIKITEXT = REPOSITORY.parent / "shared" / "data" / "wikitext-2"
GPT2 = REPOSITORY.parent / "shared" / "data" / "gpt2"


class FlopsTest(unittest.TestCase):
    # Letters as in the module's text.
    E, D, L, G, V = 2, 8, 3, 2, 11

    def case(self, coupler: str, **changes) -> Case:
        sizes = {"experts": self.E, "dim": self.D, "layers": self.L, "gnn_layers": self.G}
        return Case(coupler, **{**sizes, "vocab": self.V, **changes})

    def test_the_formula_of_the_gnn(self) -> None:
        lengths_of_samples = (5, 2)
        tokens, targets, pairs = 7, 4 + 1, 15 + 3
        E, D, G = self.E, self.D, self.G
        layer = 24 * E * D**2 * tokens + 4 * E * D * pairs
        layer += G * (4 * D**2 + 2 * E * D + 4 * D) * E * tokens + 2 * D**2 * tokens
        expected = 3 * (self.L * layer + 2 * D * self.V * targets)
        self.assertEqual(flops.needed_flops(self.case("GNN"), lengths_of_samples), expected)

    def test_the_formula_of_the_hgnn_takes_the_cheaper_form(self) -> None:
        E, D, G = self.E, self.D, self.G
        for length, coupler in ((4, 2 * (G + 1) * D**2 * 4), (40, 2 * D**2 * 40 + 2 * G * D**3)):
            layer = 24 * E * D**2 * length + 4 * E * D * length * (length + 1) // 2
            layer += coupler + 2 * E * D * length
            expected = 3 * (self.L * layer + 2 * D * self.V * (length - 1))
            self.assertEqual(flops.needed_flops(self.case("HGNN"), [length]), expected)

    def test_the_main_case_needs_what_the_issue_says(self) -> None:
        """About 0.30 GFLOP a token."""
        case = MAIN["HGNN"]
        needed = flops.needed_flops(case, [case.length] * case.batch)
        self.assertAlmostEqual(needed / (case.batch * case.length) / 1e9, 0.296, 3)

    def test_the_program_counts_the_same(self) -> None:
        """tests/train/needed_flops_test.cpp has these cases and numbers too."""
        for coupler, full, some in (
            ("HGNN", 302_840_100_864, 62_297_314_560),
            ("GNN", 358_519_486_464, 72_737_015_040),
        ):
            case = MAIN[coupler]
            self.assertEqual(flops.needed_flops(case, [128] * 8), full)
            self.assertEqual(flops.needed_flops(case, [128, 77, 3, 1]), some)

    def test_one_expert_has_no_neighbours(self) -> None:
        """tests/train/needed_flops_test.cpp has this number too."""
        case = replace(MAIN["GNN"], experts=1)
        layer = (24 + 2 * (case.gnn_layers + 1)) * case.dim**2 * 100 + 4 * case.dim * 5050
        needed = 3 * (case.layers * layer + 2 * case.dim * case.vocab * 99)
        self.assertEqual(needed, 16_864_918_272)
        self.assertEqual(flops.needed_flops(case, [100]), needed)

    def test_padding_needs_nothing(self) -> None:
        case = MAIN["GNN"]
        alone = flops.needed_flops(case, [100])
        self.assertEqual(flops.needed_flops(case, [100, 1]) - alone, flops.needed_flops(case, [1]))
        self.assertLess(alone, flops.needed_flops(case, [128]))

    def test_products_are_nearly_all_of_it(self) -> None:
        for case in (*MAIN.values(), EFFICIENCY):
            rows = [case.length] * case.batch
            products = 3 * sum(p.flops for p in flops.forward_products(case, rows))
            share = products / flops.needed_flops(case, rows)
            self.assertTrue(0.95 < share < 1, share)

    def test_shapes_of_products(self) -> None:
        case = replace(MAIN["HGNN"], layers=1)
        products = {p.name: p for p in flops.forward_products(case, [128] * 8)}
        self.assertEqual(products["qkv"], flops.Product("qkv", 1024, 384, 3 * 4 * 384, 1))
        self.assertEqual(products["ffn down"], flops.Product("ffn down", 1024, 1536, 384, 4))
        self.assertEqual(products["head"], flops.Product("head", 8 * 127, 384, 50257, 1))
        self.assertIn("folded matrices", products)


class LengthsTest(unittest.TestCase):
    def test_full_rows(self) -> None:
        self.assertEqual(lengths.batches_of_lengths("full", 2, 5), [[5, 5]] * BATCHES)

    def test_lines_are_72_percent_full_whatever_the_batch(self) -> None:
        for batch, length in ((8, 128), (32, 128), (8, 512)):
            batches = lengths.batches_of_lengths("lines", batch, length)
            self.assertEqual([len(one) for one in batches], [batch] * BATCHES)
            fills = [sum(one) / (batch * length) for one in batches]
            self.assertAlmostEqual(sum(fills) / BATCHES, 0.72, delta=0.005)
            self.assertLess(max(fills) - min(fills), 0.03, "batches differ in work")

    def test_every_batch_is_padded_to_the_same_length(self) -> None:
        """A compiled step and a precomputed incidence have fixed sizes."""
        for batch, length in ((8, 8), (2, 16), (8, 128), (32, 128)):
            for one in lengths.batches_of_lengths("lines", batch, length):
                self.assertEqual(max(one), length)
                self.assertGreaterEqual(min(one), 2, "a sample without a target")

    def test_distinct_batches_of_lines_share_no_number_of_tokens(self) -> None:
        for batch, length in ((8, 128), (32, 128), (8, 512)):
            batches = lengths.distinct_batches_of_lines(batch, length, DISTINCT_BATCHES)
            self.assertEqual([len(one) for one in batches], [batch] * DISTINCT_BATCHES)
            self.assertEqual(len({sum(one) for one in batches}), DISTINCT_BATCHES)
            for one in batches:
                self.assertEqual(max(one), length, "compiled steps have fixed sizes")
                self.assertGreaterEqual(min(one), 2, "a sample without a target")
            fill = sum(map(sum, batches)) / (DISTINCT_BATCHES * batch * length)
            self.assertTrue(0.6 < fill < 0.85, fill)

    def test_more_batches_than_differ_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "of 50 batches of 2"):
            lengths.distinct_batches_of_lines(2, 8, 50)

    @unittest.skipUnless(WIKITEXT.is_dir() and GPT2.is_dir(), f"no {WIKITEXT.parent}")
    def test_the_list_holds_the_quantiles_of_the_real_lines(self) -> None:
        from tokenizers import ByteLevelBPETokenizer

        tokenizer = ByteLevelBPETokenizer.from_file(
            str(GPT2 / "encoder.json"), str(GPT2 / "vocab.bpe")
        )
        found = []
        for split in ("test", "valid"):
            text = (WIKITEXT / f"{split}.txt").read_text(encoding="utf-8")
            lines = [line.strip() for line in text.splitlines()]
            encoded = tokenizer.encode_batch([line for line in lines if len(line) > 30])
            found += [min(lengths.LONGEST, len(one.ids)) for one in encoded]
        found.sort()
        count = len(lengths.WIKITEXT2_LINES)
        quantiles = [found[(2 * i + 1) * len(found) // (2 * count)] for i in range(count)]
        for real, listed in zip(quantiles, lengths.WIKITEXT2_LINES, strict=True):
            self.assertLessEqual(abs(real - listed), 1)
        mean = sum(found) / len(found)
        listed_mean = sum(lengths.WIKITEXT2_LINES) / count
        self.assertAlmostEqual(mean / lengths.LONGEST, 0.72, delta=0.005)
        self.assertAlmostEqual(listed_mean / mean, 1, delta=0.005)


if __name__ == "__main__":
    unittest.main()

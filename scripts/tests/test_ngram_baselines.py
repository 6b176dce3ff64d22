import json
import math
import unittest
from pathlib import Path

import numpy as np
from support import ScriptTestCase

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE
from hgnn_tools.indexed_dataset import IndexedWriter
from hgnn_tools.ngrams import Bigram, Unigram
from hgnn_tools.prepared_data import TargetPairs, target_pairs

END = 9


def write_documents(base: Path, documents: list[list[int]], vocab_size: int = 10) -> None:
    with IndexedWriter(base, vocab_size) as writer:
        for document in documents:
            writer.add_tokens(document)
            writer.end_document()
        writer.finish()


class TargetPairsTest(ScriptTestCase):
    DOCUMENTS = [[1, 2, 3, 4, 5], [6], [7, 8], [1, 1, 2, 2, 3, 3]]

    def pairs(self, mode: str, length: int) -> list[tuple[int, int]]:
        write_documents(self.folder / "train", self.DOCUMENTS)
        pairs = target_pairs(self.folder, "train", mode, length, END)
        return list(zip(pairs.inputs.tolist(), pairs.targets.tolist(), strict=True))

    def test_packed_windows(self) -> None:
        stream = [token for document in self.DOCUMENTS for token in [*document, END]]
        for length in range(1, len(stream)):
            windows = [
                stream[start : start + length + 1]
                for start in range(0, len(stream) - length, length)
            ]
            expected = [pair for w in windows for pair in zip(w[:-1], w[1:], strict=True)]
            self.assertEqual(self.pairs("packed", length), expected, f"length {length}")

    def test_lines_are_cut(self) -> None:
        for length in range(2, 8):
            cut = [document[:length] for document in self.DOCUMENTS]
            expected = [pair for d in cut for pair in zip(d[:-1], d[1:], strict=True)]
            self.assertEqual(self.pairs("lines", length), expected, f"length {length}")


class ModelsTest(unittest.TestCase):
    def setUp(self) -> None:
        tokens = np.random.default_rng(1).integers(0, 6, size=200)
        self.vocab_size = 7  # the last is never seen
        self.train = TargetPairs(tokens[:-1], tokens[1:])
        self.bigram = Bigram.fit(self.train, self.vocab_size)

    def test_probabilities_sum_to_one(self) -> None:
        everything = np.arange(self.vocab_size)
        for context in range(self.vocab_size):
            total = 0.0
            for token in everything:
                pair = TargetPairs(np.array([context]), np.array([token]))
                total += math.exp(-self.bigram.losses(pair, (0.7,))[0])
            self.assertAlmostEqual(total, 1.0, places=12, msg=f"after {context}")
        self.assertAlmostEqual(self.bigram.unigram.probabilities.sum(), 1.0, places=12)

    def test_formula(self) -> None:
        train = TargetPairs(np.array([0, 0, 0, 1]), np.array([1, 1, 2, 0]))
        bigram = Bigram.fit(train, vocab_size=3)
        unigram_of_1 = (2 + 1) / (4 + 3)
        expected = (2 - 0.5) / 3 + 0.5 * 2 / 3 * unigram_of_1
        loss = bigram.losses(TargetPairs(np.array([0]), np.array([1])), (0.5,))[0]
        self.assertAlmostEqual(loss, -math.log(expected), places=12)
        self.assertAlmostEqual(
            Unigram.fit(train.targets, 3).loss(np.array([1])), -math.log(unigram_of_1), places=12
        )


class NgramBaselinesTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        cycle = [list(range(9)) * 40]
        write_documents(self.folder / "train", cycle)
        write_documents(self.folder / "eval", cycle)
        self.write("dataset.json", json.dumps({"vocab_size": 10, "end_of_text_id": END}))

    def test_a_bigram_model_learns_a_cycle_and_a_unigram_does_not(self) -> None:
        arguments = (self.folder, "--sample_mode", "packed", "--max_seq_length", 32)
        result = json.loads(self.succeed("ngram_baselines.py", *arguments, "--json"))
        self.assertAlmostEqual(result["unigram_loss"], math.log(9), delta=0.05)
        self.assertLess(result["bigram_loss"], 0.05)
        self.assertEqual(result["eval_targets"], 352)
        text = self.succeed("ngram_baselines.py", *arguments)
        self.assertIn(f"{result['unigram_loss']:.4f}", text)
        self.assertIn(f"{result['bigram_loss']:.4f}", text)

    def test_errors(self) -> None:
        script = "ngram_baselines.py"
        self.fail_with(EXIT_USAGE, script, self.folder, "--max_seq_length", 1)
        message = self.fail_with(EXIT_DATA, script, self.folder / "none")
        self.assertIn("prepare_data.py", message)
        message = self.fail_with(
            EXIT_DATA, script, self.folder, "--sample_mode", "packed", "--max_seq_length", 1000
        )
        self.assertIn("no target", message)
        self.write("dataset.json", json.dumps({"vocab_size": 5, "end_of_text_id": 0}))
        self.assertIn("the token 8", self.fail_with(EXIT_DATA, script, self.folder))


if __name__ == "__main__":
    unittest.main()

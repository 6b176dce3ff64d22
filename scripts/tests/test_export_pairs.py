"""scripts/export_pairs.py: embeddings and pairs of a run as a table for a classifier."""

import csv
import json
import sys
import unittest
from pathlib import Path

import numpy as np
from fake_pairs import NODES, PAIRS, PROGRAM, VALUES, write_embeddings, write_pairs
from support import ScriptTestCase

from hgnn_tools.errors import EXIT_DATA, EXIT_DISK, EXIT_USAGE

SCRIPT = "export_pairs.py"
HEADS, TAILS = VALUES[[pair[0] for pair in PAIRS]], VALUES[[pair[1] for pair in PAIRS]]
EXPECTED = {
    "concat": np.concatenate([HEADS, TAILS], axis=1),
    "hadamard": HEADS * TAILS,
    "difference": HEADS - TAILS,
}


class ExportPairsTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.pairs = write_pairs(self.folder / "pairs.csv")
        self.embeddings = write_embeddings(self.folder / "e.safetensors")
        self.out = self.folder / "out.npz"

    def export(self, *arguments: object, embeddings: Path | None = None) -> dict[str, np.ndarray]:
        self.succeed(
            SCRIPT,
            f"--embeddings={embeddings or self.embeddings}",
            f"--pairs={self.pairs}",
            f"--out={self.out}",
            *arguments,
        )
        with np.load(self.out, allow_pickle=False) as file:
            return dict(file)

    def refuse(self, exit_code: int, *arguments: object) -> str:
        given = ["--embeddings", self.embeddings, "--pairs", self.pairs, "--out", self.out]
        message = self.fail_with(exit_code, SCRIPT, *(arguments or given))
        self.assertFalse(self.out.exists())
        return message

    def test_every_format_gives_the_rows_of_the_pairs(self) -> None:
        for name in ("e.safetensors", "f.npy", "g.csv"):
            with self.subTest(name):
                table = self.export(embeddings=write_embeddings(self.folder / name))
                np.testing.assert_array_equal(table["features"], EXPECTED["concat"])
                self.assertEqual(table["features"].dtype, np.float32)
                self.assertEqual(table["label"].tolist(), [1, 0, 1, 0])
                self.assertEqual(table["part"].tolist(), ["train", "train", "test", "test"])
                self.assertEqual(table["kind"].tolist(), [pair[4] for pair in PAIRS])
                self.assertEqual(table["head_id"].tolist(), ["1", "1", "d,2", "d,2"])
                self.assertEqual(table["tail_id"].tolist(), ["1", 'x"y', 'x"y', "3"])
                self.assertEqual(
                    table["feature_names"].tolist(), ["head_0", "head_1", "tail_0", "tail_1"]
                )

    def test_features_are_made_of_both_ends(self) -> None:
        for kind in ("hadamard", "difference"):
            with self.subTest(kind):
                table = self.export("--features", kind)
                np.testing.assert_array_equal(table["features"], EXPECTED[kind])
                self.assertEqual(table["feature_names"].tolist(), [f"{kind}_0", f"{kind}_1"])

    def test_a_table_of_text_holds_the_same(self) -> None:
        out = self.folder / "out.csv"
        self.succeed(
            SCRIPT, "--embeddings", self.embeddings, "--pairs", self.pairs, "--out", out
        )
        with out.open(newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[0][:5], ["head_id", "tail_id", "label", "part", "kind"])
        self.assertEqual(rows[2][:5], ["1", 'x"y', "0", "train", "degree_matched"])
        numbers = np.array([row[5:] for row in rows[1:]], dtype=np.float32)
        np.testing.assert_array_equal(numbers, EXPECTED["concat"])

    def test_the_same_files_give_the_same_bytes(self) -> None:
        self.export()
        first = self.out.read_bytes()
        self.export()
        self.assertEqual(self.out.read_bytes(), first)
        self.assertNotIn("out.npz.tmp", [path.name for path in self.folder.iterdir()])

    def program(self) -> Path:
        path = self.write("hgt_embed", PROGRAM.format(python=sys.executable))
        path.chmod(0o755)
        return path

    def test_a_run_is_asked_for_its_pairs(self) -> None:
        printed = self.succeed(
            SCRIPT, "--run", "runs/a", "--relation", "treats", "--negatives", 3, "--negatives_seed", 7,
            "--out", self.out, "--binary", self.program(),
        )  # fmt: skip
        self.assertEqual(printed, f"{self.out}: 2 facts and 2 negatives with 4 features each\n")
        arguments = json.loads((self.folder / "arguments.json").read_text())
        self.assertEqual(arguments[:3], ["embed", "--run=runs/a", "--relation=treats"])
        self.assertEqual(arguments[5:], ["--negatives=3", "--negatives_seed=7"])
        with np.load(self.out) as file:
            np.testing.assert_array_equal(file["features"], EXPECTED["concat"])

    def test_what_the_program_refuses_is_told(self) -> None:
        message = self.refuse(
            1, "--run", "r", "--relation", "wrong", "--out", self.out, "--binary", self.program()
        )
        self.assertIn("hgt_embed failed: --a is wrong; --b is wrong\n", message)
        self.assertIn(
            "does not exist; build it",
            self.refuse(
                EXIT_USAGE, "--run", "r", "--relation", "x", "--out", self.out, "--binary", "none"
            ),
        )

    def test_nodes_without_embeddings_are_named(self) -> None:
        path = self.folder / "part.csv"
        path.write_text(f'node_id,node_type,emb_0\n1,drug,1\n"{NODES[1][1]}",drug,2\n')
        self.embeddings = path
        message = self.refuse(EXIT_DATA)
        self.assertIn("lacks 3 of the 5 nodes of the pairs, such as disease:1,", message)

    def test_damaged_files(self) -> None:
        for name, content in (
            ("a.csv", "node_id,emb_0\n1,2\n"),
            ("b.csv", "node_id,node_type,emb_0\n1,a,x\n"),
            ("c.csv", "node_id,node_type,emb_0\n1,a,1\n1,a,2\n"),
            ("d.csv", ""),
            ("e.safetensors", "no"),
        ):
            with self.subTest(name):
                self.embeddings = self.write(name, content)
                self.assertIn(name, self.refuse(EXIT_DATA))
        self.embeddings = write_embeddings(self.folder / "e.safetensors")
        for content in ("", "head_id\n1\n", self.pairs.read_text().replace(",1,train", ",2,train")):
            with self.subTest(content):
                self.pairs.write_text(content)
                self.assertIn("holds no pairs", self.refuse(EXIT_DATA))

    def test_usage(self) -> None:
        out = ("--out", self.out)
        given = ("--embeddings", self.embeddings)
        self.assertIn("--pairs is missing", self.refuse(EXIT_USAGE, *given, *out))
        self.assertIn("--relation is missing", self.refuse(EXIT_USAGE, "--run", "r", *out))
        self.assertIn(
            "--negatives_seed is for --run",
            self.refuse(EXIT_USAGE, *given, "--pairs", self.pairs, "--negatives_seed", 1, *out),
        )
        self.assertIn(
            "--pairs is for --embeddings",
            self.refuse(EXIT_USAGE, "--run", "r", "--pairs", self.pairs, *out),
        )
        self.assertIn(
            "is no .npz or .csv file",
            self.refuse(EXIT_USAGE, *given, "--pairs", self.pairs, "--out", "x.txt"),
        )
        self.assertIn(
            "cannot write",
            self.refuse(EXIT_DISK, *given, "--pairs", self.pairs, "--out", "no/such/x.npz"),
        )


if __name__ == "__main__":
    unittest.main()

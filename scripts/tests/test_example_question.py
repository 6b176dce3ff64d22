"""scripts/example_question.py: what it asks, and runs that cannot be asked."""

import json
import struct
import unittest
from pathlib import Path
from typing import Any

from support import ScriptTestCase

RELATIONS = {"(gene, acts, gene)": 8, "(drug, treats, disease)": 40}


class ExampleQuestionTest(ScriptTestCase):
    def make_run(self, types: list[str], relations: dict[str, int] = RELATIONS) -> Path:
        """A run whose nodes have these types in this order."""
        names = sorted(set(types))
        numbers = struct.pack(f"<{len(types)}i", *(names.index(name) for name in types))
        header: dict[str, Any] = {
            "__metadata__": {"node_types": json.dumps(names)},
            "embeddings": {"dtype": "F32", "shape": [0, 2], "data_offsets": [0, 0]},
            "node_type": {
                "dtype": "I32",
                "shape": [len(types)],
                "data_offsets": [0, len(numbers)],
            },
        }
        text = json.dumps(header).encode()
        self.write("run/embeddings.safetensors", struct.pack("<Q", len(text)) + text + numbers)
        ends = [
            {"head_type": "gene", "name": "acts", "tail_type": "gene"},
            {"head_type": "drug", "name": "treats", "tail_type": "disease"},
        ]
        self.write("run/config.json", json.dumps({"graph": {"relations": ends}}))
        test = {"relations": {title: {"ranks": ranks} for title, ranks in relations.items()}}
        summary = json.dumps({"results": {"test": test}})
        return self.write("run/run_summary.json", summary).parent

    def test_first_head_of_the_relation_with_most_test_triples(self) -> None:
        run = self.make_run(["gene", "gene", "drug", "drug", "disease"])
        output = self.succeed("example_question.py", run)
        self.assertEqual(output, "--head\n#2\n--relation\n(drug, treats, disease)\n")

    def test_unfinished_run(self) -> None:
        self.assertIn(
            "no test figures", self.fail_with(3, "example_question.py", self.make_run(["drug"], {}))
        )

    def test_relation_that_the_graph_lacks(self) -> None:
        run = self.make_run(["drug"], {"(drug, causes, disease)": 4})
        message = self.fail_with(3, "example_question.py", run)
        self.assertIn("does not list the relation '(drug, causes, disease)'", message)

    def test_damaged_embeddings(self) -> None:
        run = self.make_run(["gene"])
        message = self.fail_with(3, "example_question.py", run)
        self.assertIn("cannot find a node of type 'drug'", message)
        self.write("run/embeddings.safetensors", b"short")
        self.assertIn("embeddings.safetensors", self.fail_with(3, "example_question.py", run))


if __name__ == "__main__":
    unittest.main()

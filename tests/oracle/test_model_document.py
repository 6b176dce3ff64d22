"""docs/model.md: its Python lines run as printed, and its tables are what the code says."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

from contextlib import chdir
import json
from pathlib import Path
import re
import tempfile
import unittest

from safetensors.torch import load_file, save_file
import torch

from generate import GOLDEN
from golden_cases import EMBED_DIM, MAX_SEQ_LENGTH, MODEL_CASES, NUM_HEADS, ModelCase
from leak_table import markdown_table
from test_reference_model import PUBLISHED_TOTALS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
RUN_IN_DOCUMENT = "checkpoints/my_run"


def write_run(folder: Path, case: ModelCase, state: dict[str, torch.Tensor]) -> None:
    """The files of a run that the printed lines read."""
    options = {
        "embed_dim": EMBED_DIM,
        "num_heads": NUM_HEADS,
        "num_layers": case.num_layers,
        "max_seq_length": MAX_SEQ_LENGTH,
        "num_experts": case.num_experts,
        "gnn_layers": case.gnn_layers,
        "coupler_type": case.coupler_type,
        "static_hyperedge_strategy": case.strategy or "all_pairs",
        "hyperedges_file": "",
        "hyperedge_weighting": case.weighting,
        "hyperedge_weight_param": case.weight_param,
        "hyperedge_weight_source": case.weight_source,
        "hgnn_activation": case.activation,
        "hgnn_residual": case.residual,
        "hgnn_learnable_edge_weights": case.learnable,
        "dropout_rate": 0.1,
        "learning_rate": 5e-4,
    }
    if case.hyperedges_file:
        path = folder / "hyperedges.json"
        path.write_text(json.dumps(case.hyperedges_file), encoding="utf-8")
        options["hyperedges_file"] = str(path)
    text = json.dumps({"config": options, "provenance": {}})
    (folder / "config.json").write_text(text, encoding="utf-8")
    checkpoint = folder / "checkpoints" / "step-00000007"
    checkpoint.mkdir(parents=True)
    (folder / "checkpoints" / "best").write_text(checkpoint.name + "\n", encoding="utf-8")
    save_file(state, checkpoint / "model.safetensors")


class LoadingTest(unittest.TestCase):
    def test_printed_lines_load_every_golden_model(self) -> None:
        (lines,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
        self.assertLessEqual(len([line for line in lines.splitlines() if line.strip()]), 15)
        self.assertIn(RUN_IN_DOCUMENT, lines)
        # The ids printed are GPT-2's; the small vocabulary of the golden models needs its own.
        lines, replaced = re.subn(r"\[\[[\d, ]+\]\]", "TOKENS", lines)
        self.assertEqual(replaced, 1)
        for case in MODEL_CASES:
            golden = load_file(GOLDEN / f"{case.name}.safetensors")
            state = {
                name.removeprefix("param."): tensor
                for name, tensor in golden.items()
                if name.startswith("param.")
            }
            with self.subTest(case.name), tempfile.TemporaryDirectory() as folder, chdir(ROOT):
                write_run(Path(folder), case, state)
                scope = {"TOKENS": golden["tokens"].tolist()}
                exec(lines.replace(RUN_IN_DOCUMENT, folder), scope)  # noqa: S102
                self.assertFalse(scope["model"].training)
                # The lines load float32; the golden logits are float64.
                torch.testing.assert_close(
                    scope["logits"].detach().double(), golden["logits"], rtol=1e-4, atol=1e-4
                )


class TableTest(unittest.TestCase):
    def test_leak_table(self) -> None:
        (table,) = re.findall(
            r"<!-- leak table:.*? -->\n(.*?)\n<!-- end of leak table -->", DOCUMENT, re.DOTALL
        )
        self.assertEqual(table, markdown_table(), "print the table with leak_table.py")

    def test_published_totals(self) -> None:
        rows = re.findall(r"^\| (?:GNN|HGNN all_pairs) \|.*\| ([\d,]+) \|$", DOCUMENT, re.MULTILINE)
        totals = [int(row.replace(",", "")) for row in rows]
        self.assertEqual(totals, [total for _, total in PUBLISHED_TOTALS])


if __name__ == "__main__":
    unittest.main()

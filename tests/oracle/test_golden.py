"""The committed golden files are what generate.py writes here and now."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

import json
import unittest

from safetensors import safe_open
import torch

from generate import GOLDEN, all_golden

FILE_LIMIT = 40_000
FOLDER_LIMIT = 660_000


def _in_no_hyperedge(key: str, metadata: dict[str, str]) -> bool:
    """Whether `key` is the gradient of an expert that no hyperedge holds: zero, and rightly so."""
    hyperedges = json.loads(metadata.get("hyperedges", "[]"))
    held = {expert for members in hyperedges for expert in members}
    prefix, _, rest = key.partition(".experts.")
    return bool(prefix.startswith("grad.") and rest and held) and int(rest[0]) not in held


class GoldenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.golden = all_golden()

    def test_index_lists_every_file_and_case(self) -> None:
        index = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))
        listed = {entry["file"]: entry for entry in index}
        self.assertEqual(set(listed), {path.name for path in GOLDEN.glob("*.safetensors")})
        self.assertEqual(set(listed), {f"{name}.safetensors" for name in self.golden})
        for name, (_, metadata) in self.golden.items():
            file = f"{name}.safetensors"
            self.assertEqual(listed[file], {"file": file} | metadata)

    def test_files_hold_what_the_reference_computes(self) -> None:
        for name, (tensors, metadata) in self.golden.items():
            with self.subTest(name), safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
                self.assertEqual(file.metadata(), metadata)
                self.assertEqual(set(file.keys()), set(tensors))
                for key, tensor in tensors.items():
                    # Another processor may round differently; inputs are equal to the bit.
                    exact = key.startswith("param.") or not tensor.is_floating_point()
                    tolerance = 0 if exact else 1e-9
                    torch.testing.assert_close(
                        file.get_tensor(key), tensor, rtol=tolerance, atol=tolerance
                    )

    def test_sizes(self) -> None:
        files = list(GOLDEN.iterdir())
        for file in files:
            self.assertLess(file.stat().st_size, FILE_LIMIT, file.name)
        self.assertLess(sum(file.stat().st_size for file in files), FOLDER_LIMIT)

    def test_results_are_finite_and_sensitive(self) -> None:
        """A golden file of zeros or NaN would prove nothing."""
        for name, (tensors, metadata) in self.golden.items():
            for key, tensor in tensors.items():
                if not tensor.is_floating_point() or _in_no_hyperedge(key, metadata):
                    continue
                with self.subTest(name, key=key):
                    self.assertTrue(torch.isfinite(tensor).all())
                    # Softmax does not see the key bias, so only its third of in_proj_bias is zero.
                    self.assertGreater(tensor.abs().max().item(), 1e-6)


if __name__ == "__main__":
    unittest.main()

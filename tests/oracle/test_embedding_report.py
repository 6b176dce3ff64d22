"""hgt_embed validate against NumPy, on files that other programs write.

Environment: HGNN_MOE_HGT_EMBED, path of the program; ctest sets it. Skipped without it.
"""

import csv
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

PROGRAM = os.environ.get("HGNN_MOE_HGT_EMBED", "")
TYPES = ("drug", "gene", "disease")


def make_rows() -> tuple[np.ndarray, np.ndarray]:
    """Rows of three types, of unequal variances and with means, and their types."""
    generator = np.random.default_rng(11)
    types = generator.integers(0, 3, size=400)
    rows = generator.standard_normal((400, 24)) * np.linspace(0.1, 2.0, 24)
    rows += np.array([0.5, 0.0, -1.0])[types, None]
    return rows.astype(np.float32), types


def mean_cosine(rows: np.ndarray, wanted: np.ndarray) -> float:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float((unit @ unit.T)[wanted & ~np.eye(len(rows), dtype=bool)].mean())


def spectrum_of(centred: np.ndarray, degrees: int) -> dict[str, Any]:
    singular = np.linalg.svd(centred, compute_uv=False)[: min(degrees, centred.shape[1])]
    variances = singular**2 / degrees
    share = singular / singular.sum()
    held = np.cumsum(variances) / variances.sum()
    return {
        "variances": variances,
        "effective_rank": np.exp(-(share * np.log(share)).sum()),
        "participation_ratio": variances.sum() ** 2 / (variances**2).sum(),
        "components_90": int(np.searchsorted(held, 0.9)) + 1,
        "possible": len(variances),
    }


@unittest.skipUnless(PROGRAM, "HGNN_MOE_HGT_EMBED does not name the built program")
class EmbeddingReportTest(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.rows, self.types = make_rows()

    def report_of(self, name: str, exit_code: int = 0) -> dict[str, Any]:
        path = self.folder / "report.json"
        command = [PROGRAM, "validate", str(self.folder / name), "--json", str(path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, exit_code, result.stdout + result.stderr)
        return json.loads(path.read_text(encoding="utf-8"))

    def write_safetensors(self) -> None:
        save_file(
            {"embeddings": self.rows, "node_type": self.types.astype(np.int32)},
            self.folder / "e.safetensors",
            metadata={"node_types": json.dumps(TYPES)},
        )

    def by_name(self, report: dict[str, Any]) -> list[dict[str, Any]]:
        """Reports of the types, in the order of TYPES."""
        reports = {entry["name"]: entry for entry in report["types"]}
        return [reports[name] for name in TYPES]

    def centred(self) -> np.ndarray:
        rows = self.rows.astype(np.float64)
        for each in range(len(TYPES)):
            rows[self.types == each] -= rows[self.types == each].mean(0)
        return rows

    def assert_spectrum(self, found: dict[str, Any], centred: np.ndarray, degrees: int) -> None:
        expected = spectrum_of(centred, degrees)
        np.testing.assert_allclose(found["variances"], expected.pop("variances"), rtol=1e-9)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-9, err_msg=key)

    def test_cosines(self) -> None:
        self.write_safetensors()
        report = self.report_of("e.safetensors")
        raw, centred = self.rows.astype(np.float64), self.centred()
        same = self.types[:, None] == self.types[None, :]
        wanted = [
            (report["all"]["cosine"], np.ones_like(same)),
            (report["all"]["across"], ~same),
            (report["within"], same),
        ]
        for each, entry in enumerate(self.by_name(report)):
            own = self.types == each
            wanted.append((entry["cosine"], np.outer(own, own)))
            wanted.append((entry["across"], np.outer(own, ~own)))
        for found, pairs in wanted:
            self.assertAlmostEqual(found["raw"], mean_cosine(raw, pairs), places=12)
            self.assertAlmostEqual(found["centred"], mean_cosine(centred, pairs), places=12)

    def test_spectra(self) -> None:
        self.write_safetensors()
        report = self.report_of("e.safetensors")
        raw, centred = self.rows.astype(np.float64), self.centred()
        self.assert_spectrum(report["all"]["spectrum"], raw - raw.mean(0), len(raw) - 1)
        self.assert_spectrum(report["within_spectrum"], centred, len(raw) - len(TYPES))
        for each, entry in enumerate(self.by_name(report)):
            own = centred[self.types == each]
            self.assert_spectrum(entry["spectrum"], own, len(own) - 1)
            variances = own.var(0, ddof=1)
            self.assertAlmostEqual(entry["variances"]["median"], np.median(variances))
            self.assertAlmostEqual(entry["variances"]["max"], variances.max())
            norms = np.linalg.norm(raw[self.types == each], axis=1)
            self.assertAlmostEqual(entry["norms"]["median"], np.median(norms))

    def test_spectra_of_few_rows(self) -> None:
        self.rows, self.types = self.rows[:20], self.types[:20] * 0
        self.write_safetensors()
        rows = self.rows.astype(np.float64)
        report = self.report_of("e.safetensors")
        self.assert_spectrum(report["types"][0]["spectrum"], rows - rows.mean(0), 19)

    def test_uniformity(self) -> None:
        self.write_safetensors()
        report = self.report_of("e.safetensors")
        unit = self.rows.astype(np.float64)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        distances = ((unit[:, None, :] - unit[None, :, :]) ** 2).sum(2)
        others = ~np.eye(len(unit), dtype=bool)
        expected = np.log(np.exp(-2.0 * distances[others]).mean())
        self.assertAlmostEqual(report["all"]["uniformity"], expected, places=12)

    def test_projection(self) -> None:
        self.write_safetensors()
        report = self.report_of("e.safetensors")
        rows = self.rows.astype(np.float64)
        _, singular, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
        shares = singular**2 / (singular**2).sum()
        np.testing.assert_allclose(report["axis_shares"], shares[:2], rtol=1e-9)
        places = (rows - rows.mean(0)) @ axes[:2].T
        places *= np.sign([axis[np.abs(axis).argmax()] for axis in axes[:2]])
        for each, entry in enumerate(self.by_name(report)):
            own = places[self.types == each]
            np.testing.assert_allclose(entry["points"]["x"], own[:, 0], atol=1e-9)
            np.testing.assert_allclose(entry["points"]["y"], own[:, 1], atol=1e-9)

    def test_the_same_figures_from_every_format(self) -> None:
        self.write_safetensors()
        expected = self.report_of("e.safetensors")
        np.save(self.folder / "e.npy", self.rows)
        with (self.folder / "e_ids.tsv").open("w", encoding="utf-8") as file:
            print("node_id\tnode_type", file=file)
            for row, each in enumerate(self.types):
                print(row, TYPES[each], sep="\t", file=file)
        self.write_csv("columns.csv", [f"emb_{f}" for f in range(24)], lambda row: row.tolist())
        self.write_csv("lists.csv", ["embedding"], lambda row: [str(row.tolist())])
        self.write_csv("arrays.csv", ["embedding"], lambda row: [np.array2string(row)])
        for name in ("e.npy", "columns.csv", "lists.csv", "arrays.csv"):
            report = self.report_of(name)
            for found, wanted in zip(self.by_name(report), self.by_name(expected), strict=True):
                # NumPy prints eight digits.
                np.testing.assert_allclose(
                    found["spectrum"]["variances"], wanted["spectrum"]["variances"], rtol=1e-6
                )
                self.assertEqual(found["nodes"], wanted["nodes"])

    def write_csv(self, name: str, columns: list[str], fields_of: Any) -> None:
        with (self.folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["node_id", "node_name", "node_type", *columns])
            for number, (row, each) in enumerate(zip(self.rows, self.types, strict=True)):
                writer.writerow([number, f"name, of {number}", TYPES[each], *fields_of(row)])

    def test_other_precisions(self) -> None:
        self.write_safetensors()
        expected = self.report_of("e.safetensors")["all"]["spectrum"]["effective_rank"]
        for precision, tolerance in ((np.float64, 1e-9), (np.float16, 1e-3)):
            np.save(self.folder / "p.npy", self.rows.astype(precision))
            found = self.report_of("p.npy")["all"]["spectrum"]["effective_rank"]
            np.testing.assert_allclose(found, expected, rtol=tolerance)

    def test_an_abbreviated_array_is_refused(self) -> None:
        with np.printoptions(threshold=5):
            self.write_csv("short.csv", ["embedding"], lambda row: [str(row)])
        command = [PROGRAM, "validate", str(self.folder / "short.csv")]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, 3)
        self.assertIn("short.csv, line 2: embedding is abbreviated", result.stderr)


if __name__ == "__main__":
    unittest.main()

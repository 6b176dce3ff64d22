"""Every rule of scripts/check_includes.py catches a planted violation, and nothing else."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_includes.py"

CLEAN = {
    "include/hgnn_moe/base/text.h": "#pragma once\n\n#include <string>\n",
    "include/hgnn_moe/model/coupler.h": (
        '#pragma once\n\n#include <ATen/core/Tensor.h>\n\n#include "hgnn_moe/ops/mix.h"\n'
    ),
    "src/base/text.cpp": '#include "hgnn_moe/base/text.h"\n\n#include "hgnn_moe_commit.h"\n',
    "src/cli/main.cpp": (
        '#include "hgnn_moe/sweep/sweep.h"\n#include "hgnn_moe/train/trainer.h"\n'
    ),
    "src/sweep/sweep.cpp": '#include "hgnn_moe/train/trainer.h"\n',
    "src/ops/mix.cu": '#include "mix_kernels.h"\n\n#include <cuda_runtime.h>\n',
    "src/ops/mix_kernels.h": "#pragma once\n#ifdef __CUDACC__\n#endif\n",
    "src/ops/mix_cpu.cpp": '#include "cpu/mix_kernel.h"\n\n#include <ATen/ATen.h>\n',
    "src/ops/cpu/mix_kernel.h": "#pragma once\n\n#include <cstdint>\n",
    "src/train/trainer.cpp": (
        '#include "hgnn_moe/data/batch.h"\n#include "hgnn_moe/model/coupler.h"\n'
    ),
    "src/pch.cpp": "#include <torch/torch.h>\n",
}


class CheckIncludesTest(unittest.TestCase):
    def run_on(self, planted: dict[str, str]) -> tuple[int, list[str]]:
        """Exit code and lines of the check on a clean tree with some files replaced."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**CLEAN, **planted}.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            result = subprocess.run(
                [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
            )
        self.assertEqual(result.stderr, "")
        return result.returncode, result.stdout.splitlines()

    def assert_caught(self, name: str, text: str, line: int, fragment: str) -> None:
        code, lines = self.run_on({name: text})
        self.assertEqual(code, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"{name}:{line}: "), lines[0])
        self.assertIn(fragment, lines[0])

    def test_clean_tree(self) -> None:
        self.assertEqual(self.run_on({}), (0, ["include arrows: no violation"]))

    def test_a_sweep_starts_runs_and_sees_no_model(self) -> None:
        self.assert_caught(
            "src/train/trainer.cpp",
            '#include "hgnn_moe/sweep/sweep.h"\n',
            1,
            "train includes hgnn_moe/sweep/sweep.h",
        )
        self.assert_caught(
            "src/sweep/sweep.cpp",
            '#include "hgnn_moe/model/coupler.h"\n',
            1,
            "sweep includes hgnn_moe/model/coupler.h",
        )

    def test_arrow_against_the_layers(self) -> None:
        self.assert_caught(
            "src/ops/mix.cpp",
            '#include <vector>\n\n  #  include "hgnn_moe/config/train_config.h"\n',
            3,
            "ops includes hgnn_moe/config/train_config.h",
        )

    def test_arrow_from_an_interface(self) -> None:
        self.assert_caught(
            "include/hgnn_moe/data/batch.h",
            '#pragma once\n#include "hgnn_moe/train/trainer.h"\n',
            2,
            "may include base, config only",
        )

    def test_torch_in_a_module_without_it(self) -> None:
        for header in ("ATen/ATen.h", "torch/torch.h", "c10/util/Half.h"):
            with self.subTest(header):
                self.assert_caught(
                    "src/data/batch.cpp", f"#include <{header}>\n", 1, "builds without LibTorch"
                )

    def test_relative_include(self) -> None:
        for header in ("../base/text.h", "absent.h", "base/text.h"):
            with self.subTest(header):
                self.assert_caught("src/ops/a.cpp", f'#include "{header}"\n', 1, "by its full name")

    def test_inline_code_in_a_vector_kernel(self) -> None:
        for header in ("ATen/ATen.h", "vector", "cmath"):
            self.assert_caught("src/ops/cpu/mix_kernel.cpp", f"#include <{header}>\n", 1, header)
        ours = "hgnn_moe/base/text.h"
        self.assert_caught("src/ops/cpu/mix_kernel.cpp", f'#include "{ours}"\n', 1, ours)

    def test_our_header_in_angle_brackets(self) -> None:
        self.assert_caught("src/ops/a.cpp", "#include <hgnn_moe/base/text.h>\n", 1, "in quotes")

    def test_conditional_compilation_in_an_interface(self) -> None:
        code, lines = self.run_on(
            {"include/hgnn_moe/ops/mix.h": "#pragma once\n#ifdef HGNN_MOE_CUDA\n#endif\n#if 1\n"}
        )
        self.assertEqual((code, len(lines)), (1, 2), lines)

    def test_cuda_header_in_an_interface(self) -> None:
        for header in ("cuda_runtime.h", "c10/cuda/CUDAStream.h", "cuda/std/array", "cublas_v2.h"):
            with self.subTest(header):
                self.assert_caught(
                    "include/hgnn_moe/ops/mix.h",
                    f"#pragma once\n#include <{header}>\n",
                    2,
                    "no CUDA header",
                )

    def test_missing_pragma_once(self) -> None:
        self.assert_caught("include/hgnn_moe/ops/mix.h", "int x;\n", 1, "#pragma once")

    def test_unknown_module(self) -> None:
        self.assert_caught("src/extra/a.cpp", "int x;\n", 1, "module extra is unknown")

    def test_long_main(self) -> None:
        self.assert_caught("src/cli/main.cpp", "\n" * 100, 100, "under 100 lines")
        self.assertEqual(self.run_on({"src/cli/main.cpp": "\n" * 99})[0], 0)


if __name__ == "__main__":
    unittest.main()

"""What the benchmarks take from scripts/hgnn_tools: errors of one sentence, token files, pages."""

from __future__ import annotations

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError, run_script  # noqa: E402, F401
from hgnn_tools.indexed_dataset import IndexedWriter  # noqa: E402, F401
from hgnn_tools.marked_page import replace_between_marks  # noqa: E402, F401

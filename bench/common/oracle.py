"""What the benchmarks take from tests/oracle: the reference model, hypergraphs, batches.

Importing the reference instead of writing it again makes the slow peers exactly what the tests hold
the C++ against.
"""

from __future__ import annotations

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "oracle"))

from hypergraphs import (  # noqa: E402, F401
    Hyperedges,
    hyperedge_index,
    incidence,
    strategy_hyperedges,
)
from indexed_data import make_batch, read_documents  # noqa: E402, F401
from reference_model import (  # noqa: E402, F401
    RAW_OF_ONE,
    Coupler,
    ExpertBlock,
    LanguageModel,
    ModelConfig,
)

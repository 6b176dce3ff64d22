"""Which experts each hyperedge of a run holds."""

import itertools
import json
import math
from pathlib import Path

from hgnn_tools.run_folder import Run


def hyperedge_members(run: Run, edges: int) -> list[tuple[int, ...]] | None:
    """In the order of the weights; None where the configuration does not tell `edges` of them."""
    path = run.config.get("hyperedges_file")
    members = members_in_file(Path(path)) if path else members_of_strategy(run)
    return members if members is not None and len(members) == edges else None


def members_of_strategy(run: Run) -> list[tuple[int, ...]] | None:
    """In the lexicographic order of the strategies."""
    experts = run.config.get("num_experts") or 0
    sizes = {"all_pairs": 2, "all_triplets": 3, "all": experts}
    size = sizes.get(run.config.get("static_hyperedge_strategy") or "")
    # An unknown strategy, or one with no hyperedge for so few experts.
    if not size or not math.comb(experts, size):
        return None
    return list(itertools.combinations(range(experts), size))


def members_in_file(path: Path) -> list[tuple[int, ...]] | None:
    """None where the file is gone or another one than the run had."""
    try:
        return [tuple(map(int, edge)) for edge in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def member_text(members: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, members)) + "}"

"""What a file of results says of its groups besides their samples. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.ratios import Group
from coupler import peer_checks, targets


def verdicts(header: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Every target, and every peer that has a figure."""
    machine = header["machine"]
    return {
        "targets": targets.evaluate(groups, machine),
        "peer_checks": peer_checks.check(groups, machine),
    }

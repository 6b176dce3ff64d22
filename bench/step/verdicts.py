"""What a file of results says of its groups besides their samples. Plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.ratios import Group
from step import peer_checks, targets


def verdicts(header: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """Every target, and every peer that has a figure. They follow from the samples, so that files
    measured before a promise or a definition changed can be judged again."""
    machine, scale = header["machine"], header["benchmark"] == "step_scale"
    return {
        "targets": targets.evaluate(groups, machine, scale=scale, quick=header["quick"]),
        "peer_checks": peer_checks.check(groups, machine),
    }

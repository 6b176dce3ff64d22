"""Conditions of sweep files on option values: a value, a list of values, or a range."""

from typing import Any


def meets(value: Any, condition: Any) -> bool:
    """`condition` is a value, a list of values, or {"min": a, "max": b} with both ends included."""
    if isinstance(condition, list):
        return any(is_same(value, one) for one in condition)
    if isinstance(condition, dict):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        low, high = condition.get("min", value), condition.get("max", value)
        return low <= value <= high
    return is_same(value, condition)


def is_same(value: Any, wanted: Any) -> bool:
    """true is no 1, as it is in Python."""
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def describe(conditions: dict[str, Any]) -> str:
    """In words: 'coupler_type HGNN, num_experts 2 or 4, embed_dim from 128'."""
    return ", ".join(f"{option} {describe_one(what)}" for option, what in conditions.items())


def describe_one(condition: Any) -> str:
    if isinstance(condition, list):
        return " or ".join(map(describe_value, condition))
    if isinstance(condition, dict):
        ends = [f"{word} {condition[key]}" for key, word in ENDS if key in condition]
        return " ".join(ends)
    return describe_value(condition)


ENDS = (("min", "from"), ("max", "to"))


def describe_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)

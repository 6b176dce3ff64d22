"""Which losses compare: those of evaluations with the same targets."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from hgnn_tools.reporting.conditions import describe_value
from hgnn_tools.reporting.configurations import Configuration
from hgnn_tools.reporting.sweep_folder import Row
from hgnn_tools.seed_statistics import Difference, compare

# Of which text, and what the figures of generated data do not depend on.
DATA = ("dataset_name", "dataset_config_name")
# What else the targets of an evaluation depend on, and how many of them there are to choose from.
TARGETS = ("vocab_size", "end_of_text_id", "sample_mode", "max_seq_length", "num_eval_samples")


def targets_of(configuration: Configuration) -> dict[str, Any]:
    """By option, as far as it is known."""
    row = max(configuration.rows, key=lambda row: (row.run is not None, len(row.options)))
    mode = configuration.data_mode
    found = {} if mode == "unknown" else {"data": mode}
    if mode != "synthetic":
        found |= {key: data_name(row, key) for key in DATA if is_known(row, key)}
    return found | {key: row.value_of(key) for key in TARGETS if is_known(row, key)}


def is_known(row: Row, option: str) -> bool:
    """A run of a version without the option has what it did before there was one."""
    return row.run is not None or option in row.options or option in row.settings


def data_name(row: Row, option: str) -> Any:
    """Of a path its last part, because it is another one on every machine; of one that the sweep
    varies all, because these are other data."""
    name = row.value_of(option)
    is_whole = option in row.settings or not isinstance(name, str)
    return name if is_whole else PurePosixPath(name).name


def differing_targets(configurations: Iterable[Configuration]) -> str:
    """'max_seq_length 16 and 8, data real and synthetic'; empty where all losses compare, or
    nothing is known that says otherwise."""
    values: dict[str, dict[str, None]] = {}
    for one in configurations:
        for key, value in targets_of(one).items():
            values.setdefault(key, {})[describe_value(value)] = None
    return ", ".join(
        f"{key} {' and '.join(found)}" for key, found in values.items() if len(found) > 1
    )


def do_not_compare(targets: str) -> str:
    return f"other targets ({targets}): these losses do not compare"


def loss_difference(baseline: Configuration, configuration: Configuration) -> Difference:
    """None where the losses are of other targets, which its method says."""
    targets = differing_targets((baseline, configuration))
    if targets:
        return Difference(None, None, do_not_compare(targets))
    return compare(baseline.losses, configuration.losses)

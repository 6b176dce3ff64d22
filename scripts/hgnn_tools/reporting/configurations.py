"""Rows that differ in their seed alone, taken together."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hgnn_tools.reporting.conditions import describe_value, meets
from hgnn_tools.reporting.matched_options import CHOSEN_BY_TIME
from hgnn_tools.reporting.sweep_folder import Row, Sweep
from hgnn_tools.seed_statistics import Summary, summarise
from hgnn_tools.tables import Column

# Which loss of a run the tables are about.
LOSSES = {"best": "best_eval_loss", "final": "final_eval_loss"}

# Options whose value says by itself what it is, and short names of others.
BARE = ("coupler_type", "static_hyperedge_strategy", "name", "group")
SHORT = {
    "num_experts": "E",
    "embed_dim": "D",
    "num_layers": "L",
    "gnn_layers": "G",
    "learning_rate": "rate",
    "max_steps": "steps",
}
OF_HYPERGRAPHS = ("hgnn_", "hyperedge", "static_hyperedge")
SWITCHES = {"hgnn_learnable_edge_weights": ("learned weights", "fixed weights")}

# Signs before a configuration's name, and what the legend says of them.
NO_OP, CANCEL, SYNTHETIC = "†", "‡", "§"
LEGEND = {
    NO_OP: "the graph is a no-op: its mixing is the identity or a plain mean whatever is learned",
    CANCEL: "the weights cancel: the mixing is that of a graph, but its learnable weights cannot"
    " change it",
    SYNTHETIC: "synthetic data: generated tokens, not a result on real text",
}
GRAPH_MARKS = {"no_op": NO_OP, "weights_cancel": CANCEL}


@dataclass(frozen=True)
class Configuration:
    """`rows` has one row a seed, at least one."""

    rows: tuple[Row, ...]
    loss_key: str

    @cached_property
    def done(self) -> tuple[Row, ...]:
        """Finished rows with a finite loss."""
        return tuple(
            row for row in self.rows if row.is_done and is_finite(getattr(row, self.loss_key))
        )

    @cached_property
    def losses(self) -> dict[int, float]:
        """By seed."""
        return {row.seed: getattr(row, self.loss_key) for row in self.done}

    @cached_property
    def loss(self) -> Summary:
        return summarise(list(self.losses.values()))

    @property
    def graph(self) -> str | None:
        """What its graph can do: none, active, no_op or weights_cancel; None where unknown."""
        return self.rows[0].graph

    @property
    def marks(self) -> str:
        marks = GRAPH_MARKS.get(self.graph or "", "")
        return marks + (SYNTHETIC if self.data_mode == "synthetic" else "")

    @property
    def data_mode(self) -> str:
        modes = {row.data_mode for row in self.rows} - {"unknown"}
        return modes.pop() if len(modes) == 1 else ("mixed" if modes else "unknown")

    @property
    def notes(self) -> list[str]:
        """Of its rows, each once: what the graph does, what was matched to what."""
        texts = [row.graph_note for row in self.rows if row.graph_note]
        texts += [note for row in self.rows for note in row.notes]
        return list(dict.fromkeys(texts))

    @property
    def seeds(self) -> str:
        """'3', or '1 of 3 (1 diverged, 1 pending)'."""
        missing = [row for row in self.rows if row not in self.done]
        if not missing:
            return str(len(self.rows))
        reasons = count_each(list(map(missing_reason, missing)))
        return f"{len(self.done)} of {len(self.rows)} ({reasons})"

    @property
    def survival(self) -> str:
        """'1 of 3 seeds diverged', '2 of 3 seeds failed (1 diverged, 1 disk)'; empty where the mean
        is over all that have ended."""
        ended = [row for row in self.rows if row.status in ("done", "failed")]
        reasons = [missing_reason(row) for row in ended if row not in self.done]
        if not reasons:
            return ""
        share = f"{len(reasons)} of {len(self.rows)} seeds"
        if set(reasons) == {"diverged"}:
            return f"{share} diverged"
        return f"{share} failed ({count_each(reasons)})"

    def mean(self, value: Callable[[Row], float | None]) -> float | None:
        """Over finished rows that have it."""
        values = [found for row in self.done if (found := value(row)) is not None]
        return math.fsum(values) / len(values) if values else None

    @property
    def parameters(self) -> float | None:
        """The same of every seed, unless a sweep chose them anew each time."""
        mean = self.mean(lambda row: (row.parameters or {}).get("total"))
        return int(mean) if mean is not None and mean.is_integer() else mean

    @property
    def minutes(self) -> float | None:
        seconds = self.mean(lambda row: row.measurement("train_seconds"))
        return None if seconds is None else seconds / 60

    @property
    def flops(self) -> float | None:
        return self.mean(lambda row: row.needed_flops)

    def value_of(self, option: str) -> Any:
        """None where the coupler has no use for the option; of a chosen one what chose it, for the
        seeds have values of their own."""
        if option in self.rows[0].chosen:
            return CHOSEN_BY_TIME[option]
        coupler = self.rows[0].value_of("coupler_type")
        return self.rows[0].value_of(option) if applies(option, coupler) else None

    def cells(self, options: Iterable[str]) -> dict[str, Any]:
        """For the columns of naming_columns."""
        options = list(options)
        values = {option: self.value_of(option) for option in options}
        plain = {
            option: value if isinstance(value, bool | str) or value is None else str(value)
            for option, value in values.items()
        }
        return {"configuration": self.label(options), "marks": self.marks, **plain}

    def label(self, options: Iterable[str], marks: bool = True) -> str:
        """Short text for pictures: 'HGNN, E=4, all_pairs †'."""
        values = {option: self.value_of(option) for option in options}
        text = ", ".join(short_text(*one) for one in values.items() if one[1] not in (None, ""))
        text = text or "all runs"
        return f"{text} {self.marks}" if marks and self.marks else text


def missing_reason(row: Row) -> str:
    return row.reason or ("no loss" if row.is_done else row.status)


def count_each(words: list[str]) -> str:
    """'2 diverged, 1 disk'."""
    return ", ".join(f"{words.count(one)} {one}" for one in dict.fromkeys(words))


def survivors(configuration: Configuration, baseline: Configuration | None = None) -> str:
    """Behind what can be told of it, or of their difference: ' (1 of 3 seeds diverged; of the
    baseline 1 of 3 seeds diverged)'. A mean is of seeds that ended well, which flatters who lost
    others."""
    parts = [configuration.survival]
    parts += [f"of the baseline {baseline.survival}"] if baseline and baseline.survival else []
    told = "; ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def applies(option: str, coupler: str | None) -> bool:
    if option.startswith(OF_HYPERGRAPHS):
        return coupler in (None, "HGNN")
    return option != "gnn_layers" or coupler not in ("MEAN", "NONE")


def naming_columns(options: Iterable[str]) -> tuple[Column, ...]:
    """Readers see one short text; the CSV file has the options by themselves."""
    return (
        Column("configuration", "configuration", "name"),
        Column("marks", "marks", csv_only=True),
        *(Column(option, option, csv_only=True) for option in options),
    )


def is_finite(loss: float | None) -> bool:
    return loss is not None and math.isfinite(loss)


def short_text(option: str, value: Any) -> str:
    if option in SWITCHES and isinstance(value, bool):
        return SWITCHES[option][0 if value else 1]
    text = describe_value(value)
    if option in BARE:
        return text
    return f"{SHORT.get(option, option)}={text}"


def configurations_of(sweep: Sweep, rows: Iterable[Row], loss_key: str) -> list[Configuration]:
    """In the order of the sweep. Rows whose length match_time chose are of their group alone: which
    seeds they have says nothing of who is one configuration with them. Of rows that have not begun
    the length is still open, and others of their group tell it."""
    chosen = {(settings_of(sweep, row), row.group) for row in sweep.rows if row.chosen}
    found: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        settings = settings_of(sweep, row)
        matched = row.group if (settings, row.group) in chosen else None
        found.setdefault((settings, matched), []).append(row)
    return [
        Configuration(tuple(sorted(members, key=lambda row: row.seed)), loss_key)
        for same in found.values()
        for members in split_by_group(same)
    ]


def settings_of(sweep: Sweep, row: Row) -> str:
    settings = {option: row.settings.get(option) for option in sweep.varied}
    return json.dumps(settings, sort_keys=True)


def split_by_group(rows: list[Row]) -> list[list[Row]]:
    """Runs of equal settings and seed may differ in how long they train, which their groups say."""
    if len({row.seed for row in rows}) == len(rows):
        return [rows]
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return list(groups.values())


def select(rows: Iterable[Row], where: dict[str, Any]) -> list[Row]:
    """Rows that meet all conditions."""
    return [
        row for row in rows if all(meets(row.value_of(key), what) for key, what in where.items())
    ]


def telling_options(
    configurations: Iterable[Configuration], first: Iterable[str], varied: Iterable[str]
) -> list[str]:
    """`first`, then those of `varied` that differ, and the group where all these are not enough."""
    configurations, chosen = list(configurations), list(first)
    chosen += [
        option
        for option in varied
        if option not in chosen
        and len({json.dumps(one.value_of(option)) for one in configurations}) > 1
    ]
    names = {json.dumps(one.cells(chosen), sort_keys=True) for one in configurations}
    return chosen if len(names) == len(configurations) or "group" in chosen else [*chosen, "group"]

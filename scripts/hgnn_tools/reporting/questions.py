"""The questions of a sweep: configurations side by side, each against its baseline."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hgnn_tools.reporting.conditions import meets
from hgnn_tools.reporting.configurations import (
    Configuration,
    configurations_of,
    select,
    survivors,
    telling_options,
)
from hgnn_tools.reporting.sweep_checks import refuse_questions_of_seeds
from hgnn_tools.reporting.sweep_folder import Sweep
from hgnn_tools.reporting.targets import loss_difference
from hgnn_tools.seed_statistics import Difference

NOISE = "no difference can be told from seed noise"


@dataclass(frozen=True)
class Comparison:
    configuration: Configuration
    baseline: Configuration
    difference: Difference

    @property
    def verdict(self) -> str:
        noise = self.difference.is_noise
        if noise is None:
            return self.difference.method
        if noise:
            return NOISE
        return "lower loss" if self.difference.mean < 0 else "higher loss"

    @property
    def full_verdict(self) -> str:
        """With the seeds that are missing from it."""
        return self.verdict + survivors(self.configuration, self.baseline)


@dataclass(frozen=True)
class Question:
    number: int
    title: str
    factors: tuple[str, ...]
    where: dict[str, Any]
    baseline: dict[str, Any] | None
    varied: tuple[str, ...]
    configurations: tuple[Configuration, ...]

    @cached_property
    def options(self) -> list[str]:
        """The factors, then whatever else tells the configurations apart."""
        return telling_options(self.configurations, self.factors, self.varied)

    def label(self, configuration: Configuration, marks: bool = True) -> str:
        return configuration.label(self.options, marks)

    def is_baseline(self, configuration: Configuration) -> bool:
        return bool(self.baseline) and all(
            meets(configuration.rows[0].value_of(option), wanted)
            for option, wanted in self.baseline.items()
        )

    @cached_property
    def comparisons(self) -> dict[int, Comparison]:
        """By the place of a configuration; baselines have none."""
        found = {}
        for place, configuration in enumerate(self.configurations):
            baseline = self.baseline_of(configuration)
            if baseline is not None and not self.is_baseline(configuration):
                difference = loss_difference(baseline, configuration)
                found[place] = Comparison(configuration, baseline, difference)
        return found

    @property
    def told(self) -> list[Comparison]:
        """Those with an interval."""
        return [one for one in self.comparisons.values() if one.difference.interval is not None]

    @property
    def baselines(self) -> list[Configuration]:
        return [one for one in self.configurations if self.is_baseline(one)]

    def baseline_of(self, configuration: Configuration) -> Configuration | None:
        """The baseline that shares most of the other options; None where two are as near."""
        nearest = self.nearest_baselines(configuration)
        return nearest[0] if len(nearest) == 1 else None

    def nearest_baselines(self, configuration: Configuration) -> list[Configuration]:
        """Those that share most of the other options."""
        baselines = self.baselines
        others = [option for option in self.options if option not in (self.baseline or {})]

        def shared(one: Configuration) -> int:
            return sum(agree(one, configuration, key) for key in others)

        most = max(map(shared, baselines), default=0)
        return [one for one in baselines if shared(one) == most]

    @cached_property
    def undecided(self) -> list[Configuration]:
        """Those to which several baselines are equally near, so that none is theirs."""
        return [
            one
            for one in self.configurations
            if not self.is_baseline(one) and len(self.nearest_baselines(one)) > 1
        ]


def agree(one: Configuration, other: Configuration, option: str) -> bool:
    """Also where one of them has no use for the option."""
    values = one.value_of(option), other.value_of(option)
    return None in values or values[0] == values[1]


def questions_of(sweep: Sweep, loss_key: str) -> list[Question]:
    """Those of the sweep file; where it has none, all configurations side by side."""
    refuse_questions_of_seeds(sweep.questions, sweep.folders[0])
    stored = sweep.questions or (
        {"title": "All configurations", "factor": list(sweep.varied), "baseline": None},
    )
    return [make_question(sweep, number, one, loss_key) for number, one in enumerate(stored, 1)]


def make_question(sweep: Sweep, number: int, stored: dict[str, Any], loss_key: str) -> Question:
    factor = stored.get("factor") or []
    where = stored.get("where") or {}
    return Question(
        number=number,
        title=str(stored.get("title") or f"Question {number}"),
        factors=tuple([factor] if isinstance(factor, str) else factor),
        where=where,
        baseline=stored.get("baseline"),
        varied=sweep.varied,
        configurations=tuple(configurations_of(sweep, select(sweep.rows, where), loss_key)),
    )

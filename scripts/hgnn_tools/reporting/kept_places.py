"""What a sweep says, without the places of the machine that ran it."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hgnn_tools.reporting.sweep_folder import Sweep

# Where something lay on the machine; of no use elsewhere.
PLACES = ("checkpoint_dir", "data_dir", "run_name", "sweep")
# Any absolute path of two parts or more that is not within an address or another path.
ABSOLUTE = re.compile(r"(?<![\w./:~-])/(?:[^\s/\"'`,;:()<>|]+/)+[^\s/\"'`,;:()<>|]*")


class Places:
    """Paths that options of `sweep` name keep their last part, or as many as tell them apart.
    Folders of the machine go: that of the sweep, those of its options, home and the working one."""

    def __init__(self, sweep: "Sweep") -> None:
        self.short: dict[str, str] = {}  # by a path that is an option's value
        self.parts_of_ids: dict[str, str] = {}
        for option, values in values_by_option(sweep).items():
            if option not in PLACES and any("/" in value for value in values):
                for value, short in shortened(values).items():
                    self.short[value] = short
                    old, new = (f"{option}-{in_id(one)}" for one in (value, short))
                    self.parts_of_ids[old] = new
        self.known = {path: short for path, short in self.short.items() if path.startswith("/")}
        self.known |= dict.fromkeys(folders_of(sweep), "")
        longest = sorted(self.known, key=len, reverse=True)
        paths = "|".join(map(re.escape, longest))
        self.pattern = re.compile(rf"(?<![\w./-])({paths})(/|(?![\w.-]))")

    def without(self, value: Any) -> Any:
        """The same JSON value with its texts changed, keys included, which are ids of runs."""
        if isinstance(value, dict):
            return {self.text(key): self.without(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.without(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        if text in self.short:
            return self.short[text]
        for old, new in self.parts_of_ids.items():
            text = text.replace(old, new)
        text = self.pattern.sub(self.replacement, text)
        return ABSOLUTE.sub(lambda found: PurePosixPath(found[0]).name, text)

    def replacement(self, found: re.Match[str]) -> str:
        short = self.known[found[1]]
        return short + found[2] if short else "" if found[2] else "."


def values_by_option(sweep: "Sweep") -> dict[str, set[str]]:
    """All texts that are a value of an option in some run."""
    values: dict[str, set[str]] = {}
    for row in sweep.rows:
        for option, value in (*row.options.items(), *row.settings.items()):
            if isinstance(value, str) and value:
                values.setdefault(option, set()).add(value)
    return values


def shortened(paths: Iterable[str]) -> dict[str, str]:
    """Those of several parts with the shortest end that tells all of them apart."""
    parts = {path: tuple(part for part in path.split("/") if part) for path in paths}
    longest = max(map(len, parts.values()))
    for length in range(1, longest + 1):
        ends = {path: "/".join(found[-length:]) for path, found in parts.items()}
        if len(set(ends.values())) == len(set(parts.values())):
            break
    return {path: end for path, end in ends.items() if "/" in path}


def in_id(value: str) -> str:
    """As hgnn_moe_train writes a value into the name of a run's folder."""
    return re.sub(r"[^A-Za-z0-9.+-]", "-", value)


def folders_of(sweep: "Sweep") -> set[str]:
    folders = {Path.home(), Path.cwd()}
    folders |= {path for one in sweep.folders for path in (one.absolute(), one.resolve())}
    folders |= {
        Path(value)
        for option, values in values_by_option(sweep).items()
        if option in PLACES
        for value in values
        if value.startswith("/")
    }
    return {str(folder) for folder in folders} - {"/"}

"""A report written for a test, and what a reader finds in it."""

import csv
import html
import json
import math
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

from fake_sweeps import FakeRow, FakeSweep
from support import ScriptTestCase

import report
from hgnn_tools import plot_style


class Page(HTMLParser):
    """What a reader finds in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.images: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        known = {key: value or "" for key, value in attributes}
        self.links += [known[key] for key in ("href", "src") if key in known]
        if tag == "img":
            self.images.append(known)
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = []

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.tables[-1][-1].append("".join(self.cell or []))
            self.cell = None


def markdown_tables(text: str) -> list[list[list[str]]]:
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    split = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in one.splitlines()] for one in blocks]
    return [
        [[unescaped(cell.strip()) for cell in line] for line in rows[:1] + rows[2:]]
        for rows in split
    ]


def unescaped(cell: str) -> str:
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell))


class ReportTestCase(ScriptTestCase):
    def write_report(self, fake: FakeSweep, loss: str = "best", draws: bool = False) -> Path:
        """Its folder. Pictures are composed but, unless the test `draws`, not drawn; every warning
        is an error."""
        sweep = fake.write(self.folder / "sweep")
        self.run_report(sweep, "--loss", loss, draws=draws)
        out = sweep / "report"
        self.page = (out / "report.html").read_text(encoding="utf-8")
        self.markdown = (out / "report.md").read_text(encoding="utf-8")
        return out

    def run_report(self, *arguments: Any, draws: bool = False) -> None:
        svg = plot_style.svg_bytes if draws else lambda figure: b"<svg/>"
        with (
            warnings.catch_warnings(),
            mock.patch("builtins.print"),
            mock.patch.object(plot_style, "svg_bytes", svg),
        ):
            warnings.simplefilter("error")
            report.report(report.build_parser().parse_args(list(map(str, arguments))))

    def rows(self, name: str) -> list[dict[str, str]]:
        path = self.folder / "sweep" / "report" / "csv" / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def events(self, row: FakeRow, kind: str) -> list[dict[str, Any]]:
        path = self.folder / "sweep" / row.id / "metrics.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()]
        return [event for event in events if event["event"] == kind]

    def best(self, row: FakeRow) -> float:
        return min(event["loss"] for event in self.events(row, "eval"))

    def assert_close(self, text: str, value: float) -> None:
        self.assertTrue(
            math.isclose(float(text), value, rel_tol=1e-9, abs_tol=1e-12), (text, value)
        )

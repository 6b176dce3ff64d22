"""One structure for every table: rows of raw values, written as HTML, Markdown and CSV from it."""

import csv
import html
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hgnn_tools.markdown_text import as_cell, as_text

NOTHING = "–"
MINUS = "−"


class AtMost(float):
    """A number that is an upper bound, which readers are told; in CSV files it is a number."""


# Kinds that are no numbers.
WORDS = ("name", "text", "sentence")


@dataclass(frozen=True)
class Column:
    """`key` names the value in a row and the column of the CSV file; `kind` how it is shown."""

    key: str
    title: str
    kind: str = "text"  # a key of FORMATS
    csv_only: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind not in WORDS


@dataclass(frozen=True)
class Table:
    """A value of a row is None, a number, a text (shown as it is in a column of any kind, to say
    why there is no number), a truth value, or in a column of intervals a pair of numbers."""

    name: str  # of its CSV file
    title: str
    columns: tuple[Column, ...]
    rows: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()  # below the table

    @property
    def shown(self) -> tuple[Column, ...]:
        """A column without any value is left to the CSV file."""
        return tuple(
            column
            for column in self.columns
            if not column.csv_only
            and any(row.get(column.key) not in (None, "") for row in self.rows)
        )


def signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", MINUS)


def plain(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", MINUS)


def significant(value: float) -> str:
    """Three digits, without an exponent between a thousandth and a million."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace("-", MINUS)


FORMATS: dict[str, Callable[[Any], str]] = {
    "name": str,
    "text": str,
    "sentence": str,
    "count": lambda value: f"{value:,}",
    "loss": lambda value: plain(value, 4),
    "signed": lambda value: signed(value, 4),
    "interval": lambda pair: f"[{plain(pair[0], 4)}, {plain(pair[1], 4)}]",
    "signed_interval": lambda pair: f"[{signed(pair[0], 4)}, {signed(pair[1], 4)}]",
    "measure": significant,
    "measure_interval": lambda pair: f"[{significant(pair[0])}, {significant(pair[1])}]",
    "percent": lambda value: f"{100 * value:.1f} %",
}
INTERVALS = ("interval", "signed_interval", "measure_interval")


def shown_text(column: Column, value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    text = FORMATS[column.kind](value)
    return f"≤ {text}" if isinstance(value, AtMost) else text


def cells(table: Table) -> list[list[str]]:
    return [
        [shown_text(column, row.get(column.key)) for column in table.shown] for row in table.rows
    ]


def to_csv(table: Table) -> str:
    """Raw values: numbers read back to the same double, an interval is two columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header: list[str] = []
    for column in table.columns:
        pair = column.kind in INTERVALS
        header += [f"{column.key}_low", f"{column.key}_high"] if pair else [column.key]
    writer.writerow(header)
    for row in table.rows:
        line: list[Any] = []
        for column in table.columns:
            line += raw_cells(column, row.get(column.key))
        writer.writerow(line)
    return out.getvalue()


def raw_cells(column: Column, value: Any) -> Sequence[Any]:
    if column.kind in INTERVALS:
        # A text in the place of an interval stands in both.
        return value if isinstance(value, tuple) else (value, value)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (value,)


def to_markdown(table: Table) -> str:
    """Padded, so that it can be read as it is."""
    texts = [[column.title for column in table.shown], *cells(table)]
    escaped = [list(map(as_cell, line)) for line in texts]
    widths = [max(3, *map(len, column)) for column in zip(*escaped, strict=True)]
    numbers = [column.is_number for column in table.shown]
    header, *body = [markdown_row(line, widths, numbers) for line in escaped]
    rules = [rule(width, right) for width, right in zip(widths, numbers, strict=True)]
    lines = [f"**{as_text(table.title)}**", "", header, markdown_row(rules, widths, numbers), *body]
    for note in table.notes:
        lines += ["", as_text(note)]
    return "\n".join(lines) + "\n"


def rule(width: int, right: bool) -> str:
    return "-" * (width - 1) + ":" if right else "-" * width


def markdown_row(texts: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> str:
    padded = [
        text.rjust(width) if right else text.ljust(width)
        for text, width, right in zip(texts, widths, numbers, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"


def to_html(table: Table) -> str:
    """A <figure> that scrolls sideways where the page is narrower than the table."""
    lines = ['<figure class="table">', f"<figcaption>{html.escape(table.title)}</figcaption>"]
    # A scrolled part can be reached from the keyboard.
    lines.append(f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table)}">')
    lines.append("<table><thead><tr>")
    lines += [f'<th scope="col"{css(c)}>{breakable(c.title)}</th>' for c in table.shown]
    lines.append("</tr></thead><tbody>")
    for texts in cells(table):
        lines.append("<tr>" + "".join(map(html_cell, table.shown, texts)) + "</tr>")
    lines.append("</tbody></table></div>")
    lines += [f'<p class="note">{html.escape(note)}</p>' for note in table.notes]
    return "\n".join([*lines, "</figure>"])


def escape(table: Table) -> str:
    return html.escape(table.title, quote=True)


def breakable(title: str) -> str:
    """Names of options are long, and may go on in the next line after an underscore."""
    return html.escape(title).replace("_", "_<wbr>")


def html_cell(column: Column, text: str) -> str:
    escaped = html.escape(text)
    if column.kind == "name":  # a mark stays with the word before it
        escaped = MARKED.sub(r'<span class="together">\g<0></span>', escaped)
    return f"<td{css(column)}>{escaped}</td>"


# A short word and what stands behind it that is no letter, such as the mark of a graph.
MARKED = re.compile(r"[^\s&;]{1,24} [^\w\s&(<>=−–-]+$")


def css(column: Column) -> str:
    if column.is_number:
        return ' class="number"'
    return f' class="{column.kind}"'

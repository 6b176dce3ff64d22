"""What a reader finds in report.html and report.md, for the tests of report.py."""

import re
from html.parser import HTMLParser


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
        [[cell.strip().replace("\\|", "|") for cell in line] for line in rows[:1] + rows[2:]]
        for rows in split
    ]

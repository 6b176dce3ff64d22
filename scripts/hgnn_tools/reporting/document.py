"""A report before it is HTML, Markdown or CSV: sections of paragraphs, tables and pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

from hgnn_tools.reporting.picture import Picture
from hgnn_tools.tables import Table


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple["Block", ...]


@dataclass(frozen=True)
class Points:
    """A list of short statements."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """Pictures that belong together, side by side where there is room."""

    pictures: tuple[Picture, ...]


Block = str | Points | Table | Gallery


@dataclass(frozen=True)
class Document:
    title: str
    lead: str
    facts: tuple[str, ...]  # where this comes from
    warnings: tuple[str, ...]  # before anything else
    sections: tuple[Section, ...]

    def blocks(self) -> Iterator[Block]:
        for section in self.sections:
            yield from section.blocks

    @property
    def tables(self) -> list[Table]:
        return [block for block in self.blocks() if isinstance(block, Table)]

    @property
    def pictures(self) -> list[Picture]:
        galleries = [block for block in self.blocks() if isinstance(block, Gallery)]
        return [picture for gallery in galleries for picture in gallery.pictures]

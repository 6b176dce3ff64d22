"""A document as Markdown, with its pictures as files beside it."""

from hgnn_tools import tables
from hgnn_tools.markdown_text import as_text
from hgnn_tools.reporting.document import Block, Document, Gallery, Points
from hgnn_tools.reporting.picture import Picture
from hgnn_tools.tables import Table

PICTURES = "pictures"


def to_markdown(document: Document) -> str:
    return f"# {as_text(document.title)}\n\n" + body_markdown(document, PICTURES)


def body_markdown(document: Document, pictures: str) -> str:
    """All below the title. `pictures` is the way to their folder from the page."""
    parts = [as_text(document.lead)]
    parts += [f"**{as_text(warning)}**" for warning in document.warnings]
    parts += map(as_text, document.facts)
    for number, section in enumerate(document.sections, start=1):
        parts.append(f"## {number}. {as_text(section.title)}")
        parts += [block_markdown(block, pictures) for block in section.blocks]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def block_markdown(block: Block, pictures: str) -> str:
    if isinstance(block, Table):
        return tables.to_markdown(block)
    if isinstance(block, Gallery):
        return "\n\n".join(picture_markdown(one, pictures) for one in block.pictures)
    if isinstance(block, Points):
        return "\n".join(f"- {as_text(text)}" for text in block.texts)
    return as_text(block)


def picture_markdown(picture: Picture, pictures: str) -> str:
    alternative = as_text(picture.alternative.replace("[", "(").replace("]", ")"))
    return f"![{alternative}]({pictures}/{picture.name}.svg)\n\n*{as_text(picture.caption)}*"

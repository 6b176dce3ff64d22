"""A document as Markdown, with its pictures as files beside it."""

from hgnn_tools import tables
from hgnn_tools.reporting.document import Block, Document, Gallery, Points
from hgnn_tools.reporting.picture import Picture
from hgnn_tools.tables import Table

PICTURES = "pictures"


def to_markdown(document: Document) -> str:
    parts = [f"# {document.title}", document.lead]
    parts += [f"**{warning}**" for warning in document.warnings]
    parts += document.facts
    for number, section in enumerate(document.sections, start=1):
        parts.append(f"## {number}. {section.title}")
        parts += map(block_markdown, section.blocks)
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def block_markdown(block: Block) -> str:
    if isinstance(block, Table):
        return tables.to_markdown(block)
    if isinstance(block, Gallery):
        return "\n\n".join(map(picture_markdown, block.pictures))
    if isinstance(block, Points):
        return "\n".join(f"- {text}" for text in block.texts)
    return block


def picture_markdown(picture: Picture) -> str:
    alternative = picture.alternative.replace("[", "(").replace("]", ")")
    return f"![{alternative}]({PICTURES}/{picture.name}.svg)\n\n*{picture.caption}*"

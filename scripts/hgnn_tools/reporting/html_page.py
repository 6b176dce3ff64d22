"""A document as one HTML page: nothing is loaded from elsewhere and nothing is executed."""

import base64
from html import escape

from hgnn_tools import tables
from hgnn_tools.reporting.document import Block, Document, Gallery, Points, Section
from hgnn_tools.reporting.picture import Picture
from hgnn_tools.tables import Table

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.2rem 3rem; max-width: 116rem; background: #fff;
  color: #1a1a1a; font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .6rem 0 .3rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.4rem 0 .6rem; padding-top: .5rem;
  border-top: 1px solid #ccc; }
p, ul { max-width: 46rem; margin: .5rem 0; }
ul { padding-left: 1.2rem; }
.facts { color: #555; font-size: .875rem; overflow-wrap: anywhere; }
.warning { max-width: none; border: 2px solid #1a1a1a; border-left-width: .6rem;
  padding: .5rem .8rem; font-weight: 600; overflow-wrap: anywhere; }
nav ol { columns: 2 20rem; padding: 0; margin: .5rem 0; max-width: 76rem; font-size: .9375rem; }
nav li { margin-left: 2rem; break-inside: avoid; }
a { color: #004a7c; }
figure { margin: 1rem 0; }
figure.table { break-inside: avoid-page; }
figcaption { font-weight: 600; margin-bottom: .3rem; max-width: 46rem; }
.scroll { overflow-x: auto; border: solid #1a1a1a; border-width: 1.5px 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums;
  width: 100%; }
th, td { padding: .3rem .4rem; text-align: left; vertical-align: top; min-width: 3.2rem; }
th { vertical-align: bottom; border-bottom: 1px solid #1a1a1a; font-weight: 600; }
tbody tr:nth-child(even) { background: #f4f4f4; }
td.number, th.number { text-align: right; }
td.number, .together { white-space: nowrap; }
td.sentence { min-width: 9.5rem; }
td.name { overflow-wrap: anywhere; min-width: 9rem; }
td.text { min-width: 4.5rem; }
tbody tr { background: #fff; }
tr > :first-child { position: sticky; left: 0; background: inherit; padding-left: .2rem; }
thead tr > :first-child { background: #fff; }
.note { color: #444; font-size: .8125rem; margin: .3rem 0; overflow-wrap: anywhere; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr));
  gap: 0 2rem; align-items: start; }
.gallery figure { max-width: 36rem; break-inside: avoid; }
.gallery img { width: 100%; height: auto; display: block; }
.gallery figcaption { font-weight: 400; color: #444; font-size: .8125rem; line-height: 1.4; }
@media print {
  html { font-size: 9.5pt; }
  body { font-size: 9.5pt; max-width: none; padding: 0; }
  table { font-size: 7.2pt; }
  th, td { padding: 1.5pt 3pt; }
  th, td, td.sentence, td.name, td.text { min-width: 0; }
  .scroll { overflow: visible; }
  .gallery { grid-template-columns: 1fr 1fr; }
  h2 { break-after: avoid; }
  nav { display: none; }
  @page { size: A4 landscape; margin: 14mm; }
}
"""


def to_html(document: Document) -> str:
    title = escape(document.title)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<header><h1>{title}</h1>",
        paragraph(document.lead),
        *(f'<p class="facts">{escape(fact)}</p>' for fact in document.facts),
        *(f'<p class="warning" role="note">{escape(text)}</p>' for text in document.warnings),
        "</header>",
        contents(document.sections),
        "<main>",
        *(section_html(number, one) for number, one in enumerate(document.sections, start=1)),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def contents(sections: tuple[Section, ...]) -> str:
    entries = [
        f'<li><a href="#section-{number}">{escape(section.title)}</a></li>'
        for number, section in enumerate(sections, start=1)
    ]
    return '<nav aria-label="Contents"><ol>' + "".join(entries) + "</ol></nav>"


def section_html(number: int, section: Section) -> str:
    heading = f'<section id="section-{number}"><h2>{number}. {escape(section.title)}</h2>'
    return "\n".join([heading, *map(block_html, section.blocks), "</section>"])


def block_html(block: Block) -> str:
    if isinstance(block, Table):
        return tables.to_html(block)
    if isinstance(block, Gallery):
        figures = "\n".join(map(picture_html, block.pictures))
        return f'<div class="gallery">\n{figures}\n</div>'
    if isinstance(block, Points):
        return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in block.texts) + "</ul>"
    return paragraph(block)


def picture_html(picture: Picture) -> str:
    data = base64.b64encode(picture.svg).decode("ascii")
    source = f"data:image/svg+xml;base64,{data}"
    image = f'<img src="{source}" alt="{escape(picture.alternative, quote=True)}">'
    return f"<figure>{image}<figcaption>{escape(picture.caption)}</figcaption></figure>"

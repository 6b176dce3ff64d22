"""Brings a document to the disk, each file whole or not at all."""

import shutil
from pathlib import Path

from hgnn_tools import tables
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.marked_page import replace_between_marks
from hgnn_tools.output_folder import remove_empty, unfinished_folder
from hgnn_tools.reporting.document import Document
from hgnn_tools.reporting.html_page import to_html
from hgnn_tools.reporting.markdown_page import PICTURES, body_markdown, to_markdown

CSV = "csv"
PAGE = "report.html"


def write_report(document: Document, out: Path) -> Path:
    """Returns the HTML page. Tables and pictures of an earlier report in `out` go."""
    check_replaceable(out)
    with unfinished_folder(out) as unfinished:
        for folder in (CSV, PICTURES):
            (unfinished / folder).mkdir()
        for table in document.tables:
            write(unfinished / CSV / f"{table.name}.csv", tables.to_csv(table))
        write_pictures(document, unfinished / PICTURES)
        write(unfinished / "report.md", to_markdown(document))
        write(unfinished / PAGE, to_html(document))
        for path in sorted(unfinished.iterdir()):
            replace(path, out / path.name)
    return out / PAGE


def write_into_page(document: Document, name: str, page: Path) -> Path:
    """Puts the report of sweep `name` into a Markdown page, between its marks, and its pictures
    into a folder beside it. Returns the page."""
    try:
        text = page.read_bytes().decode("utf-8")  # with the ends of its lines
    except UnicodeDecodeError as error:
        raise UserError(
            f"--into {page} is not UTF-8 (byte {error.start}); save it as UTF-8 first", EXIT_DATA
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot read --into {page} ({error.strerror}); give a Markdown page with the marks"
            f" {' and '.join(marks_of(name))}",
            EXIT_USAGE,
        ) from None
    pictures = Path(page.stem) / PICTURES / name
    body = body_markdown(document, pictures.as_posix())
    replaced = replace_between_marks(text, marks_of(name), body, page)
    with unfinished_folder(page.parent) as unfinished:
        (unfinished / name).mkdir()
        write_pictures(document, unfinished / name)
        write(unfinished / page.name, replaced)
        if document.pictures:
            (page.parent / pictures.parent).mkdir(parents=True, exist_ok=True)
            replace(unfinished / name, page.parent / pictures)
        replace(unfinished / page.name, page)
        if not document.pictures:
            remove_pictures(page.parent / pictures)
    return page


def remove_pictures(folder: Path) -> None:
    """Those of an earlier report, and the folder around them where it holds no other's."""
    if folder.is_dir():
        shutil.rmtree(folder)
        remove_empty([folder.parent])


def marks_of(name: str) -> tuple[str, str]:
    return f"<!-- report of {name}: begin -->", f"<!-- report of {name}: end -->"


def write_pictures(document: Document, folder: Path) -> None:
    for picture in document.pictures:
        (folder / f"{picture.name}.svg").write_bytes(picture.svg)


def check_replaceable(out: Path) -> None:
    """Folders are replaced as a whole, so they have to be a report's."""
    for folder in (CSV, PICTURES):
        if (out / folder).exists() and not (out / PAGE).is_file():
            raise UserError(
                f"{out / folder} exists and {out} holds no report; give another folder with --out",
                EXIT_USAGE,
            )


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def replace(path: Path, final: Path) -> None:
    if final.is_dir():
        shutil.rmtree(final)
    path.replace(final)

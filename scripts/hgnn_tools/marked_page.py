"""Pages of which a part is generated: it stands between two marks."""

from pathlib import Path

from hgnn_tools.errors import EXIT_DATA, UserError


def replace_between_marks(text: str, marks: tuple[str, str], content: str, page: Path) -> str:
    """`text` of `page` with `content` between the marks, which stay, in lines that end as its own
    do."""
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    begin, end = marks
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise UserError(f"{page} has no '{begin}' with '{end}' after it; add both", EXIT_DATA)
    between = f"\n\n{content}\n".replace("\n", end_of_line)
    return f"{before}{begin}{between}{end}{after}"

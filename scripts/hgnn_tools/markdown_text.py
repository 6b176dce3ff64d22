"""Texts that are no Markdown, written so that Markdown shows them as they are."""

import re

# What begins a tag or an address, an entity, an escape, code, or a link after its text; and, where
# it touches a word on one side alone, emphasis. The rest stays, for those who read the source.
TAG = re.compile(r"<(?=[A-Za-z/!?])")
QUOTE = re.compile(r"^>")
ENTITY = re.compile(r"&(?=#?\w+;)")
ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])|\\$")
CODE = re.compile(r"`")
FORMULA = re.compile(r"\$")  # as GitHub shows it
# At the ends of a line: a heading, an entry of a list, a rule.
HEADING = re.compile(r"^#|(?<=\s)#(?=#*$)")
ENTRY = re.compile(r"^[-+](?=\s|-*$)")
NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
LINK = re.compile(r"\](?=[(\[])")
STAR = re.compile(r"(?<!\s)\*|\*(?!\s)")
UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def as_text(text: str) -> str:
    """`text` in one line, with escapes and entities where it would be markup."""
    text = " ".join(text.split())
    text = ESCAPE.sub(r"\\\\", text)
    text = ENTITY.sub("&amp;", text)
    text = TAG.sub("&lt;", text)
    text = QUOTE.sub("&gt;", text)
    text = FORMULA.sub("&#36;", text)
    text = NUMBERED.sub(r"\1\\\2", text)
    for sign in (CODE, LINK, STAR, UNDERSCORE, HEADING, ENTRY):
        text = sign.sub(lambda found: "\\" + found.group(), text)
    return text


def as_cell(text: str) -> str:
    """The same for a cell of a table, which a pipe would end."""
    return as_text(text).replace("|", "\\|")

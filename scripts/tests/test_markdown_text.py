"""hgnn_tools/markdown_text.py: what a reader of the rendered page sees is the text itself."""

import html
import re
import unittest

from report_page import Page

from hgnn_tools.markdown_text import as_cell, as_text
from hgnn_tools.tables import Column, Table, to_markdown

try:
    import markdown
except ImportError:  # the small environment has none
    markdown = None

TEXTS = (
    "a|b and a\\|b, two \\\\| and one at the end \\",
    "<b>|&</b> <script>alert(1)</script> <https://a.b/c> <!-- no comment -->",
    "&lt; &amp;lt; &#42; R&D",
    "*x* **y** a*b* (*z*) 2 * 3",
    "_x_ __init__ (_y_) _a __b__",
    "`code` ``two`` `",
    "\\*x \\_y \\` C:\\new",
    "[a](b) ![i](j) [a][b]",
    "> no quote",
    "# no heading",
    "#5 ## and # at the end #",
    "- no entry",
    "+ none",
    "12. none",
    "3) none",
    "---",
    "costs $5, $x$ and \\$",
)
# As a reader of report.md finds them, nothing in them being markup.
PLAIN = (
    "coupler_type-GNN_seed-1_0123abcd",
    "HGNN, E=4, all_pairs, fixed weights †",
    "[−0.5000, +0.2500]",
    "the loss of step 60 is not finite; lower learning_rate",
    "3 of 4 (1 diverged)",
    "a < b -> c, 2 * 3, R&D, C:\\new",
)

KNOWN_TAGS = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}


class MarkdownTextTest(unittest.TestCase):
    def test_what_is_no_markup_stays(self) -> None:
        for text in PLAIN:
            self.assertEqual(as_cell(text), text)

    def test_escapes(self) -> None:
        self.assertEqual(as_cell("a\\|b"), "a\\\\\\|b")
        self.assertEqual(as_cell("<b>*x* _y_ `z`"), "&lt;b>\\*x\\* \\_y\\_ \\`z\\`")
        self.assertEqual(as_text("one\n  | two"), "one | two")

    @unittest.skipIf(markdown is None, "no Markdown renderer in this environment")
    def test_rendered_texts_are_the_texts(self) -> None:
        for text in TEXTS + PLAIN:
            with self.subTest(text):
                found = re.fullmatch("<p>([^<]*)</p>", self.rendered(as_text(text)))
                self.assertIsNotNone(found, self.rendered(as_text(text)))
                self.assertEqual(html.unescape(found[1]), text)

    @unittest.skipIf(markdown is None, "no Markdown renderer in this environment")
    def test_rendered_cells_are_the_texts(self) -> None:
        columns = (Column("text", "te|xt", "sentence"), Column("other", "*other*"))
        rows = tuple({"text": text, "other": "z"} for text in TEXTS + PLAIN)
        page = self.rendered(to_markdown(Table("t", "<T>", columns, rows, ("a *note*",))))
        wanted = [["te|xt", "*other*"], *([text, "z"] for text in TEXTS + PLAIN)]
        self.assertEqual(Page(page).tables, [wanted])
        self.assertLessEqual(set(Page(page).tags), KNOWN_TAGS)
        self.assertIn("<strong>&lt;T&gt;</strong>", page)
        self.assertIn("<p>a *note*</p>", page)

    def rendered(self, text: str) -> str:
        return markdown.markdown(text, extensions=["tables"])


if __name__ == "__main__":
    unittest.main()

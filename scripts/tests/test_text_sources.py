import unittest
from unittest import mock

from support import ScriptTestCase

from hgnn_tools import text_sources
from hgnn_tools.errors import EXIT_DATA, UserError
from hgnn_tools.text_sources import DocumentRules, FileSource

EVERY_LINE_END = "a\nb\rc\r\nd\ve\ff\x1cg\x1dh\x1ei\x85j\u2028k\u2029l"


class TextSourcesTest(ScriptTestCase):
    def documents(self, content: str | bytes, mode: str, minimum: int = 0, name="a.txt") -> list:
        source = FileSource((self.write(name, content),))
        return list(source.documents(DocumentRules(mode, minimum)))

    def test_lines_end_where_splitlines_ends_them(self) -> None:
        self.assertEqual(self.documents(EVERY_LINE_END, "lines"), list("abcdefghijkl"))

    def test_the_size_of_chunks_does_not_matter(self) -> None:
        text = "\u00fcber\r\n\u4f60\u597d \U0001f600 x\u2028\n\nlast"
        expected = [line.strip() for line in text.splitlines() if line.strip()]
        for size in range(1, 12):
            with mock.patch.object(text_sources, "CHUNK_BYTES", size):
                self.assertEqual(self.documents(text, "lines"), expected, f"chunks of {size}")
                self.assertEqual(self.documents(text, "documents"), [text])

    def test_a_byte_order_mark_is_no_text(self) -> None:
        mark = "\ufeff"
        for size in (1, 2, 4, 1 << 20):
            with mock.patch.object(text_sources, "CHUNK_BYTES", size):
                self.assertEqual(self.documents(f"{mark}a\n{mark}b", "lines"), ["a", f"{mark}b"])
                self.assertEqual(self.documents(mark, "documents"), [])
        rows = f'{mark}{{"text": "one"}}\n{{"text": "two"}}\n'
        self.assertEqual(self.documents(rows, "lines", name="a.jsonl"), ["one", "two"])
        self.expect_error(f"{mark}b".encode() + b"\xff", "line 1", "offset 4")

    def test_length_counts_characters_after_stripping(self) -> None:
        text = "  " + "\u00e9" * 30 + "  \n" + "\u00e9" * 31 + "\n"
        self.assertEqual(self.documents(text, "lines", minimum=30), ["\u00e9" * 31])

    def test_documents_keep_indentation_and_line_ends(self) -> None:
        text = "  def f():\r\n\treturn 1\n"
        self.assertEqual(self.documents(text, "documents"), [text])

    def test_json_rows(self) -> None:
        rows = '{"text": "one\\ntwo"}\n\n{"text": "  three", "more": 1}'
        self.assertEqual(self.documents(rows, "lines", name="a.jsonl"), ["one", "two", "three"])
        self.assertEqual(self.documents(rows, "documents", name="a.jsonl"), ["one\ntwo", "  three"])

    def expect_error(self, content: str | bytes, *parts: str, name: str = "a.txt") -> None:
        with self.assertRaises(UserError) as caught:
            self.documents(content, "lines", name=name)
        self.assertEqual(caught.exception.exit_code, EXIT_DATA)
        for part in parts:
            self.assertIn(part, str(caught.exception))

    def test_bad_utf8_names_line_and_offset(self) -> None:
        content = b"good\nb\xc3\xa4d \xff here\n"
        for size in (1, 3, 1 << 20):
            with mock.patch.object(text_sources, "CHUNK_BYTES", size):
                self.expect_error(content, "a.txt", "line 2", "offset 10")
        self.expect_error(b"cut \xe4\xbd", "line 1", "offset 4")
        self.expect_error(b'{"text": "x"}\n\xff\n', "line 2", "offset 14", name="a.jsonl")

    def test_bad_json_names_the_line(self) -> None:
        good = '{"text": "x"}\n'
        self.expect_error(good + '{"text": x}\n', "line 2", "column 10", name="a.jsonl")
        self.expect_error(good + '["text"]\n', "line 2", "'text'", name="a.jsonl")
        self.expect_error(good + '{"text": 3}\n', "line 2", "--text_field", name="a.jsonl")
        self.expect_error('{"text": "\\ud800"}', "line 1", "surrogate", name="a.jsonl")
        self.expect_error("[" * 100_000, "line 1", "nested", name="a.jsonl")


if __name__ == "__main__":
    unittest.main()

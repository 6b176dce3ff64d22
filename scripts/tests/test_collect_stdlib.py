import json
import unittest

from support import ScriptTestCase

import collect_stdlib
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE


class CollectStdlibTest(ScriptTestCase):
    def collect(self, folder: str, *more: object) -> dict[str, list[dict[str, str]]]:
        out = self.folder / folder
        self.succeed("collect_stdlib.py", "--out", out, "--max_megabytes", "1.5", *more)
        return {
            split: [json.loads(line) for line in (out / f"{split}.jsonl").read_text().splitlines()]
            for split in ("train", "eval")
        }

    def test_collects_a_bounded_repeatable_set(self) -> None:
        first = self.collect("a")
        self.assertEqual(first, self.collect("b"))
        texts = [row["text"] for rows in first.values() for row in rows]
        size = sum(len(text.encode()) for text in texts)
        self.assertLess(size, 1_500_000)
        self.assertGreater(size, 500_000)
        self.assertEqual(len(set(texts)), len(texts))
        self.assertTrue(any("\n    def " in text for text in texts), "indentation was lost")

    def test_a_larger_set_moves_no_file_to_the_other_split(self) -> None:
        small, large = self.collect("small"), self.collect("large", "--max_megabytes", "3")
        for split in ("train", "eval"):
            paths = {row["path"] for row in small[split]}
            self.assertLessEqual(paths, {row["path"] for row in large[split]})

    def test_leaves_out_what_it_says(self) -> None:
        self.write("library/good.py", "x = 1\n")
        for path in ("test/a.py", "encodings/a.py", "site-packages/a.py", "_sysconfigdata_x.py"):
            self.write(f"library/{path}", "y = 2\n")
        self.write("library/notes.txt", "text")
        (self.folder / "library" / "link.py").symlink_to("good.py")
        root = self.folder / "library"
        self.assertEqual(collect_stdlib.find_paths(root, include_tests=False), ["good.py"])
        found = collect_stdlib.find_paths(root, include_tests=True)
        self.assertEqual(sorted(found), ["good.py", "test/a.py"])

    def test_copies_and_undecodable_files_are_left_out(self) -> None:
        contents = {"a.py": b"x = 1\n", "b.py": b"x = 1\n", "c.py": b"\xff\xfe", "d.py": b" \n"}
        contents["e.py"] = "# coding: latin-1\ny = '\u00fc'\n".encode("latin-1")
        for name, content in contents.items():
            self.write(name, content)
        files = list(collect_stdlib.read_sources(self.folder, sorted(contents)))
        self.assertEqual([file.relative for file in files], ["a.py", "e.py"])
        self.assertIn("\u00fc", files[1].text)

    def test_errors(self) -> None:
        script, out = "collect_stdlib.py", ("--out", self.folder / "out")
        self.fail_with(EXIT_USAGE, script, *out, "--max_megabytes", "nan")
        self.fail_with(EXIT_USAGE, script, *out, "--eval_fraction", "1")
        message = self.fail_with(EXIT_DATA, script, *out, "--max_megabytes", "0.001")
        self.assertIn("--max_megabytes", message)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()

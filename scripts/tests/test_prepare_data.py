import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import types
import unittest
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import numpy as np
from support import SHARED_DATA, ScriptTestCase, needs_shared_data
from tokenizers import Tokenizer

import prepare_data
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.indexed_dataset import IndexedWriter, read_indexed
from hgnn_tools.output_folder import host_prefix

LINES = [f"line number {i} has more than thirty characters, {i * i}" for i in range(300)]


class PrepareDataTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.train = self.write("train.txt", "\n".join(LINES))
        self.eval = self.write("eval.txt", "\n".join([*LINES[:3], "short"]))
        self.out = self.folder / "out"

    def arguments(self, *more: object) -> list[object]:
        inputs = ["--train", self.train, "--eval", self.eval]
        return [*inputs, "--tokenizer", "train:300", "--out", self.out, *more]

    def prepare(self, *more: object) -> dict:
        """In this process, as a subprocess costs more than the work."""
        arguments = ["prepare_data.py", *map(str, self.arguments(*more))]
        with mock.patch.object(sys, "argv", arguments), redirect_stdout(io.StringIO()):
            prepare_data.main()
        return json.loads((self.out / "dataset.json").read_text())

    def decoded(self, split: str) -> list[str]:
        tokenizer = Tokenizer.from_file(str(self.out / "tokenizer.json"))
        indexed = read_indexed(self.out / split)
        parts = np.split(indexed.tokens, np.cumsum(indexed.sizes)[:-1])
        return [tokenizer.decode(part.tolist()) for part in parts]

    def test_writes_everything_that_the_description_says(self) -> None:
        description = self.prepare("--name", "numbers")
        self.assertEqual(self.decoded("train"), LINES)
        self.assertEqual(self.decoded("eval"), LINES[:3])
        self.assertEqual(
            sorted(path.name for path in self.out.iterdir()),
            ["dataset.json", "eval.bin", "eval.idx", "tokenizer.json", "train.bin", "train.idx"],
        )
        expected = {"name": "numbers", "mode": "lines", "min_characters": 30, "version": 1}
        expected |= {"vocab_size": 300, "dtype": "uint16", "tokenizer": "train:300"}
        self.assertEqual(description, description | expected)
        train = (self.out / "train.bin").read_bytes()
        self.assertEqual(description["train"]["documents"], 300)
        self.assertEqual(description["train"]["tokens"], len(train) // 2)
        self.assertEqual(description["train"]["characters"], sum(map(len, LINES)))
        self.assertEqual(description["train"]["bin_sha256"], hashlib.sha256(train).hexdigest())
        tokenizer = (self.out / "tokenizer.json").read_bytes()
        self.assertEqual(description["tokenizer_sha256"], hashlib.sha256(tokenizer).hexdigest())

    def test_names_no_folder_and_repeats_itself(self) -> None:
        first = self.prepare("--name", "same")
        self.assertNotIn(str(self.folder), json.dumps(first))
        self.assertEqual(self.prepare("--name", "same", "--overwrite"), first)

    def test_documents_mode_keeps_files_whole(self) -> None:
        rows = "".join(json.dumps({"body": text}) + "\n" for text in ("a\n  b", "", "c"))
        self.eval = self.write("eval.jsonl", rows)
        self.train = self.write("train.jsonl", json.dumps({"body": "\n".join(LINES)}))
        self.prepare("--mode", "documents", "--text_field", "body")
        self.assertEqual(self.decoded("train"), ["\n".join(LINES)])
        self.assertEqual(self.decoded("eval"), ["a\n  b", "c"])

    def test_refuses_a_prepared_folder(self) -> None:
        self.prepare()
        before = {path.name: path.read_bytes() for path in self.out.iterdir()}
        message = self.fail_with(EXIT_USAGE, "prepare_data.py", *self.arguments())
        self.assertIn("--overwrite", message)
        self.assertEqual({path.name: path.read_bytes() for path in self.out.iterdir()}, before)

    def test_a_failure_leaves_earlier_data_alone(self) -> None:
        self.prepare()
        before = {path.name: path.read_bytes() for path in self.out.iterdir()}
        self.eval = self.write("broken.txt", b"fine so far\n\xff")
        with self.assertRaisesRegex(UserError, "broken.txt is not UTF-8 at line 2"):
            self.prepare("--overwrite")
        self.assertEqual({path.name: path.read_bytes() for path in self.out.iterdir()}, before)

    def test_usage_errors(self) -> None:
        script = "prepare_data.py"
        base = ["--tokenizer", "train:300", "--out", self.out]
        message = self.fail_with(EXIT_USAGE, script, "--train", self.train, *base)
        self.assertIn("--eval", message)
        both = self.arguments("--hf", "wikitext", "wikitext-2-v1")
        self.assertIn("--hf", self.fail_with(EXIT_USAGE, script, *both))
        negative = self.arguments("--min_characters", "-1")
        self.assertIn("-1", self.fail_with(EXIT_USAGE, script, *negative))

    def test_data_errors(self) -> None:
        everything = self.arguments("--min_characters", 10_000, "--tokenizer", self.tokenizer())
        message = self.fail_with(EXIT_DATA, "prepare_data.py", *everything)
        self.assertIn("no document longer than 10000 characters in train.txt", message)
        self.eval = self.folder / "none.txt"
        message = self.fail_with(EXIT_DATA, "prepare_data.py", *self.arguments())
        self.assertIn("none.txt does not exist", message)
        self.assertEqual(list(self.out.glob("*")), [])

    def tokenizer(self) -> object:
        self.prepare()
        stored = self.write("tokenizer.json", (self.out / "tokenizer.json").read_bytes())
        for path in self.out.iterdir():
            path.unlink()
        return stored

    def test_inputs_that_are_no_text(self) -> None:
        self.eval = self.folder
        message = self.fail_with(EXIT_DATA, "prepare_data.py", *self.arguments())
        self.assertIn(f"input {self.folder} is a folder", message)
        self.eval = self.write("sub/empty.txt", "")
        message = self.fail_with(EXIT_DATA, "prepare_data.py", *self.arguments())
        self.assertIn(f"input file {self.eval} is empty", message)

    def warnings_of(self, *more: object) -> str:
        with redirect_stderr(io.StringIO()) as messages:
            self.prepare(*more)
        return messages.getvalue()

    def test_warnings(self) -> None:
        self.assertEqual(self.warnings_of(), "")
        empty = self.write("empty.txt", "")
        message = self.warnings_of("--eval", self.eval, empty, "--overwrite")
        self.assertIn(f"input file {empty} is empty", message)
        same = self.folder / "link.txt"
        same.symlink_to(self.train)
        message = self.warnings_of("--eval", same, "--overwrite")
        self.assertIn(f"{same} is given to both --train and --eval", message)
        self.assertEqual(len(message.splitlines()), 1)

    def test_out_is_a_file(self) -> None:
        self.out = self.write("out", "precious")
        message = self.fail_with(EXIT_USAGE, "prepare_data.py", *self.arguments())
        self.assertIn(f"{self.out} is a file", message)
        self.assertEqual(self.out.read_text(), "precious")

    def test_a_failed_start_removes_the_folders_it_made(self) -> None:
        parent = self.folder / "new"
        self.out = parent / "out"
        with self.assertRaisesRegex(UserError, "train:100000"):
            self.prepare("--tokenizer", "train:100000")
        self.assertFalse(parent.exists())
        parent.mkdir()
        with self.assertRaisesRegex(UserError, "train:100000"):
            self.prepare("--tokenizer", "train:100000")
        self.assertEqual(list(parent.iterdir()), [])

    def test_leftovers_of_dead_processes_are_removed(self) -> None:
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        stale = f"{host_prefix()}{dead.pid}-abc"
        kept = [f"{host_prefix()}{os.getpid()}-abc", ".unfinished-of another host-1-abc"]
        for name in (stale, *kept):
            self.write(f"out/{name}/train.bin", "tokens")
        self.prepare()
        left = {path.name for path in self.out.iterdir() if path.name.startswith(".unfinished")}
        self.assertEqual(left, set(kept))

    def test_an_unwritable_folder_is_a_disk_error(self) -> None:
        self.out = self.train / "below_a_file"
        self.fail_with(7, "prepare_data.py", *self.arguments())


class HuggingFaceTest(ScriptTestCase):
    def run_main(self) -> dict:
        out = self.folder / "out"
        arguments = ["--hf", "wikitext", "tiny", "--tokenizer", "train:300", "--out", str(out)]
        with mock.patch.object(sys, "argv", ["prepare_data.py", *arguments]):
            with redirect_stdout(io.StringIO()):
                prepare_data.main()
        return json.loads((out / "dataset.json").read_text())

    def test_reads_both_splits(self) -> None:
        asked = []

        def load_dataset(name: str, config: str, split: str) -> list[dict[str, str]]:
            asked.append((name, config, split))
            return [{"text": line} for line in (LINES if split == "train" else LINES[:5])]

        package = types.SimpleNamespace(load_dataset=load_dataset)
        with mock.patch.dict(sys.modules, {"datasets": package}):
            description = self.run_main()
        self.assertEqual(set(asked), {("wikitext", "tiny", s) for s in ("train", "validation")})
        self.assertEqual(description["train"]["documents"], 300)
        self.assertEqual(description["eval"]["documents"], 5)
        self.assertEqual(description["eval"]["sources"], ["wikitext/tiny/validation"])

    def test_says_that_the_package_is_missing(self) -> None:
        with mock.patch.dict(sys.modules, {"datasets": None}):
            with self.assertRaisesRegex(UserError, "pip install datasets") as caught:
                self.run_main()
        self.assertEqual(caught.exception.exit_code, EXIT_USAGE)

    def test_names_a_data_set_that_does_not_load(self) -> None:
        load_dataset = mock.Mock(side_effect=ConnectionError("offline"))
        package = types.SimpleNamespace(load_dataset=load_dataset)
        with mock.patch.dict(sys.modules, {"datasets": package}):
            with self.assertRaisesRegex(UserError, "wikitext/tiny/train.*offline") as caught:
                self.run_main()
        self.assertEqual(caught.exception.exit_code, EXIT_DATA)


class IndexedFormatTest(ScriptTestCase):
    def write_documents(self, vocab_size: int, *documents: list[int]) -> IndexedWriter:
        with IndexedWriter(self.folder / "x", vocab_size) as writer:
            for document in documents:
                writer.add_tokens(document)
                writer.end_document()
            writer.finish()
        return writer

    def test_bytes_of_the_index(self) -> None:
        writer = self.write_documents(300, [1, 2, 299], [], [5])
        self.assertEqual(writer.empty_documents, 1)
        self.assertEqual((self.folder / "x.bin").read_bytes(), struct.pack("<4H", 1, 2, 299, 5))
        expected = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, 2, 3)
        expected += (
            struct.pack("<2i", 3, 1) + struct.pack("<2q", 0, 6) + struct.pack("<3q", 0, 1, 2)
        )
        self.assertEqual((self.folder / "x.idx").read_bytes(), expected)

    def test_a_large_vocabulary_takes_four_bytes(self) -> None:
        self.write_documents(65536, [65535])
        self.assertEqual((self.folder / "x.bin").read_bytes(), struct.pack("<i", 65535))
        self.assertEqual((self.folder / "x.idx").read_bytes()[17], 4)

    def test_a_damaged_index_is_refused(self) -> None:
        self.write_documents(300, [1, 2, 3])
        whole = (self.folder / "x.idx").read_bytes()
        changed = bytearray(whole)
        changed[34] = 2  # the length of the only document
        for content in (*(whole[:size] for size in range(len(whole))), bytes(changed)):
            self.write("x.idx", content)
            with self.assertRaisesRegex(UserError, "x.idx cannot be used"):
                read_indexed(self.folder / "x")


@needs_shared_data
class WikiText2Test(ScriptTestCase):
    def test_counts_of_documents(self) -> None:
        texts = SHARED_DATA / "wikitext-2"
        self.succeed(
            "prepare_data.py",
            *("--train", texts / "test.txt", "--eval", texts / "valid.txt"),
            *("--tokenizer", SHARED_DATA / "gpt2", "--out", self.folder / "out"),
        )
        description = json.loads((self.folder / "out" / "dataset.json").read_text())
        self.assertEqual(description["train"]["documents"], 2192)
        self.assertEqual(description["eval"]["documents"], 1913)
        self.assertEqual(description["vocab_size"], 50257)


if __name__ == "__main__":
    unittest.main()

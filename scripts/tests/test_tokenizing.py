import unittest
from unittest import mock

from support import SHARED_DATA, ScriptTestCase, needs_shared_data

from hgnn_tools import tokenizing
from hgnn_tools.errors import EXIT_DATA, EXIT_USAGE, UserError
from hgnn_tools.tokenizing import (
    Piece,
    PreparedTokenizer,
    batch_pieces,
    can_split,
    prepare_tokenizer,
    split_documents,
)

TEXT = [f"def name_{i}(value):\n    return value + {i}  # {i * i}\n" for i in range(400)]


class TrainedTokenizerTest(unittest.TestCase):
    def prepare(self, spec: str, end_of_text: str = "<|endoftext|>") -> PreparedTokenizer:
        return prepare_tokenizer(spec, end_of_text, lambda: iter(TEXT))

    def test_has_exactly_the_tokens_asked_for(self) -> None:
        prepared = self.prepare("train:300")
        self.assertEqual(prepared.vocab_size, 300)
        self.assertEqual(prepared.tokenizer.id_to_token(prepared.end_of_text_id), "<|endoftext|>")

    def test_is_deterministic(self) -> None:
        self.assertEqual(self.prepare("train:320").to_json(), self.prepare("train:320").to_json())

    def test_encodes_any_text_without_loss(self) -> None:
        tokenizer = self.prepare("train:300").tokenizer
        text = "  caf\u00e9 \U0001f600\x00\n\t'tis <|endoftext|>"
        ids = tokenizer.encode(text).ids
        self.assertEqual(tokenizer.decode(ids, skip_special_tokens=False), text)

    def test_typed_end_of_text_is_ordinary_text(self) -> None:
        prepared = self.prepare("train:300")
        self.assertNotIn(prepared.end_of_text_id, prepared.tokenizer.encode("<|endoftext|>").ids)

    def test_errors(self) -> None:
        for spec in ("train:", "train:256", "train:-300", "train:4k"):
            with self.assertRaises(UserError) as caught:
                self.prepare(spec)
            self.assertEqual(caught.exception.exit_code, EXIT_USAGE)
            self.assertIn(spec, str(caught.exception))
        with self.assertRaisesRegex(UserError, "gives only [0-9]+ tokens") as caught:
            self.prepare("train:50000")
        self.assertEqual(caught.exception.exit_code, EXIT_DATA)
        with self.assertRaisesRegex(UserError, "--end_of_text"):
            self.prepare("train:300", end_of_text="</s>")


class TokenizerFileTest(ScriptTestCase):
    def expect_error(self, spec: object, *parts: str) -> None:
        with self.assertRaises(UserError) as caught:
            prepare_tokenizer(str(spec), "<|endoftext|>", lambda: iter([]))
        self.assertEqual(caught.exception.exit_code, EXIT_DATA)
        for part in parts:
            self.assertIn(part, str(caught.exception))

    def test_errors(self) -> None:
        self.expect_error(self.folder / "none.json", "none.json", "does not exist")
        self.expect_error(self.folder, "encoder.json")
        self.expect_error(self.write("tokenizer.json", "{}"), "tokenizer.json", "cannot be read")
        self.write("encoder.json", "not json")
        self.write("vocab.bpe", "#version: 0.2\n")
        self.expect_error(self.folder, "cannot be read")

    def test_a_stored_tokenizer_gives_the_same_ids(self) -> None:
        trained = prepare_tokenizer("train:300", "<|endoftext|>", lambda: iter(TEXT))
        path = self.write("tokenizer.json", trained.to_json())
        stored = prepare_tokenizer(str(path), "<|endoftext|>", lambda: iter([]))
        text = TEXT[7] + "<|endoftext|>"
        self.assertEqual(stored.tokenizer.encode(text).ids, trained.tokenizer.encode(text).ids)
        self.assertEqual(stored.vocab_size, 300)


class SplittingTest(unittest.TestCase):
    def test_pieces_join_to_the_documents(self) -> None:
        documents = ["a bb  ccc\n dddd " * 20, "x" * 100, "", "short"]
        with mock.patch.object(tokenizing, "PIECE_CHARACTERS", 10):
            pieces = list(split_documents(documents, splittable=True))
        self.assertGreater(len(pieces), 20)
        joined = "".join(p.text + ("|" if p.ends_document else "") for p in pieces)
        self.assertEqual(joined, "".join(document + "|" for document in documents))

    def test_batches_are_bounded(self) -> None:
        pieces = [Piece("x" * 40, True)] * 10
        with mock.patch.object(tokenizing, "BATCH_CHARACTERS", 100):
            batches = list(batch_pieces(pieces))
        self.assertEqual([len(batch) for batch in batches], [3, 3, 3, 1])


@needs_shared_data
class Gpt2Test(unittest.TestCase):
    def setUp(self) -> None:
        self.prepared = prepare_tokenizer(
            str(SHARED_DATA / "gpt2"), "<|endoftext|>", lambda: iter([])
        )

    def test_known_ids(self) -> None:
        self.assertEqual(self.prepared.vocab_size, 50257)
        self.assertEqual(self.prepared.end_of_text_id, 50256)
        self.assertEqual(self.prepared.tokenizer.encode("Hello world").ids, [15496, 995])

    def test_typed_end_of_text_is_ordinary_text(self) -> None:
        ids = self.prepared.tokenizer.encode("a<|endoftext|>b").ids
        self.assertEqual(ids, [64, 27, 91, 437, 1659, 5239, 91, 29, 65])

    def test_splitting_leaves_ids_unchanged(self) -> None:
        tokenizer = self.prepared.tokenizer
        self.assertTrue(can_split(tokenizer))
        text = (SHARED_DATA / "wikitext-2" / "valid.txt").read_text(encoding="utf-8")[:100_000]
        with mock.patch.object(tokenizing, "PIECE_CHARACTERS", 50):
            pieces = [piece.text for piece in split_documents([text], splittable=True)]
        self.assertGreater(len(pieces), 1000)
        ids = [i for encoding in tokenizer.encode_batch(pieces) for i in encoding.ids]
        self.assertEqual(ids, tokenizer.encode(text).ids)


if __name__ == "__main__":
    unittest.main()

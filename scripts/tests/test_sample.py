import json
import os
import stat
import sys
import unittest
from pathlib import Path

from support import ScriptTestCase

from hgnn_tools.errors import EXIT_CHECKPOINT, EXIT_DATA, EXIT_USAGE
from hgnn_tools.tokenizing import prepare_tokenizer

# Stands for hgnn_moe_train: keeps the configuration it was given and answers with ids.
FAKE_PROGRAM = """\
#!{python}
import json, pathlib, sys
config = json.loads(pathlib.Path(sys.argv[2]).read_text())
pathlib.Path({record!r}).write_text(json.dumps(config))
print("a line of something else")
print(json.dumps({{"sample_ids": [1], "continuation_ids": {ids}}}))
"""


class SampleTest(ScriptTestCase):
    def setUp(self) -> None:
        super().setUp()
        text = [f"return value {i} of def name({i})" for i in range(200)]
        self.tokenizer = prepare_tokenizer("train:280", "<|endoftext|>", lambda: iter(text))
        self.write("data/tokenizer.json", self.tokenizer.to_json())
        end = self.tokenizer.end_of_text_id
        self.write("data/dataset.json", json.dumps({"vocab_size": 280, "end_of_text_id": end}))
        self.write_config()
        for step in ("step-00000010", "step-00000020"):
            self.write(f"run/checkpoints/{step}/model.safetensors", "weights")
        self.write("run/checkpoints/best", "step-00000010\n")
        self.write("run/checkpoints/latest", "step-00000020\n")
        self.record = self.folder / "record.json"
        self.binary = self.program(self.encode(" value"))

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.tokenizer.encode(text).ids

    def write_config(self, data_folder: str | None = "", **changes: object) -> None:
        config = {
            "embed_dim": 64,
            "coupler_type": "HGNN",
            "static_hyperedge_strategy": "all_pairs",
            "hyperedges_file": None,
            "init_from": "",
            "sample_ids": "",
            "run_name": "run",
            "resume_checkpoint": None,
            "overwrite": True,
            "dump_token_losses": "losses.npy",
            "checkpoint_dir": "runs",
            "device": "cpu",
        }
        data = str(self.folder / "data") if data_folder == "" else data_folder
        stored = {"config": config | changes, "data_folder": data}
        self.write("run/config.json", json.dumps(stored))

    def program(self, ids: object) -> Path:
        return self.executable(
            FAKE_PROGRAM.format(python=sys.executable, record=str(self.record), ids=ids)
        )

    def executable(self, text: str) -> Path:
        path = self.write("program", text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def arguments(self, prompt: str, *more: object) -> list[object]:
        return [self.folder / "run", "--prompt", prompt, "--binary", self.binary, *more]

    def recorded(self, prompt: str = "def ", *more: object) -> dict:
        self.succeed("sample.py", *self.arguments(prompt, *more))
        return json.loads(self.record.read_text())

    def test_prints_the_prompt_and_its_continuation(self) -> None:
        self.assertEqual(self.succeed("sample.py", *self.arguments("def")), "def value\n")

    def test_a_character_across_the_seam(self) -> None:
        first, second = self.encode("\u00fc")
        self.binary = self.program([second])
        end = self.tokenizer.end_of_text_id
        self.write("data/dataset.json", json.dumps({"vocab_size": 280, "end_of_text_id": first}))
        self.assertEqual(self.succeed("sample.py", *self.arguments("")), "\u00fc\n")
        self.assertNotEqual(first, end)

    def test_what_the_program_is_asked(self) -> None:
        more = ("--tokens", 7, "--temperature", 0, "--top_k", 3, "--seed", 5)
        config = self.recorded("def ", *more)
        expected: dict[str, object] = {
            "embed_dim": 64,
            "eval_only": True,
            "num_eval_samples": 64,
            "quiet": True,
        }
        expected |= {"sample_tokens": 7, "temperature": 0.0, "top_k": 3, "seed": 5}
        expected["sample_ids"] = ",".join(map(str, self.encode("def ")))
        expected["dataset_name"] = str((self.folder / "data").resolve())
        self.assertEqual(config, config | expected)
        self.assertTrue(config["init_from"].endswith("step-00000010/model.safetensors"))
        for key in ("run_name", "resume_checkpoint", "overwrite", "dump_token_losses"):
            self.assertNotIn(key, config)
        self.assertNotEqual(config["checkpoint_dir"], "runs")
        self.assertFalse(Path(config["checkpoint_dir"]).exists(), "temporary folder left behind")

    def test_checkpoints(self) -> None:
        latest = self.recorded("def ", "--checkpoint", "latest")
        self.assertIn("step-00000020", latest["init_from"])
        folder = self.folder / "run" / "checkpoints" / "step-00000020"
        self.assertEqual(
            self.recorded("x", "--checkpoint", folder)["init_from"], latest["init_from"]
        )

    def test_a_hyperedges_file_replaces_the_strategy(self) -> None:
        for unset in (None, ""):
            self.write_config(hyperedges_file=unset)
            config = self.recorded()
            self.assertIn("static_hyperedge_strategy", config)
            self.assertNotIn("hyperedges_file", config)
        self.write_config(hyperedges_file="edges.json")
        self.assertNotIn("static_hyperedge_strategy", self.recorded())

    def test_device_can_be_replaced(self) -> None:
        self.write_config(device="cuda:3")
        self.assertEqual(self.recorded()["device"], "cuda:3")
        self.assertEqual(self.recorded("x", "--device", "cpu")["device"], "cpu")

    def test_an_empty_prompt_starts_after_an_end_of_text(self) -> None:
        self.assertEqual(self.recorded("")["sample_ids"], str(self.tokenizer.end_of_text_id))

    def test_errors_of_the_program_pass_through(self) -> None:
        self.binary = self.executable("#!/bin/sh\necho 'out of memory on cpu' >&2\nexit 6\n")
        message = self.fail_with(6, "sample.py", *self.arguments("def "))
        self.assertIn("out of memory on cpu", message)
        self.binary = self.executable("#!/bin/sh\necho nothing useful\n")
        message = self.fail_with(EXIT_USAGE, "sample.py", *self.arguments("def "))
        self.assertIn("printed no continuation", message)

    def test_a_prompt_that_is_not_utf8(self) -> None:
        prompt = os.fsdecode(b"caf\xe9")
        message = self.fail_with(EXIT_USAGE, "sample.py", *self.arguments(prompt))
        self.assertIn(r"--prompt b'caf\xe9' is not UTF-8", message)
        self.assertFalse(self.record.exists())

    def test_numbers_out_of_range_are_refused_by_their_flag(self) -> None:
        wrong = {"--temperature": ("nan", "inf", "-0.1"), "--tokens": ("0", "-1", "x")}
        wrong |= {"--top_k": ("-1",), "--seed": ("-1",)}
        for flag, values in wrong.items():
            for value in values:
                with self.subTest(flag=flag, value=value):
                    result = self.run_script("sample.py", *self.arguments("x", f"{flag}={value}"))
                    self.assertEqual(result.returncode, EXIT_USAGE)
                    last = result.stderr.splitlines()[-1]
                    self.assertIn(f"argument {flag}: ", last)
                    self.assertIn(value, last)
        self.assertFalse(self.record.exists())

    def test_errors(self) -> None:
        arguments = self.arguments("def ")
        (self.folder / "run/checkpoints/best").unlink()
        self.assertIn("best", self.fail_with(EXIT_CHECKPOINT, "sample.py", *arguments))
        other = self.arguments("def ", "--checkpoint", self.folder / "none")
        self.assertIn("none", self.fail_with(EXIT_CHECKPOINT, "sample.py", *other))
        self.binary = self.folder / "not_built"
        missing = self.arguments("def ", "--checkpoint", "latest")
        self.assertIn("not_built", self.fail_with(EXIT_USAGE, "sample.py", *missing))
        (self.folder / "data/tokenizer.json").unlink()
        self.assertIn("tokenizer.json", self.fail_with(EXIT_DATA, "sample.py", *missing))
        self.write_config(data_folder=None, synthetic_data=True)
        self.assertIn("synthetic", self.fail_with(EXIT_USAGE, "sample.py", *missing))


if __name__ == "__main__":
    unittest.main()

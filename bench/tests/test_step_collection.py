"""bench/step/collection.py: groups of several runs in one file."""

import json
from pathlib import Path
import tempfile
import unittest

from support import CPU
from common.result_files import SCHEMA
from common.tables import heading
from common.tools import UserError
from step import collection

HEADER = {
    "benchmark": "step",
    "schema": SCHEMA,
    "command": "bench new",
    "started": "2031-02-03T04:05:06+00:00",
    "commit": "new",
    "machine": CPU | {"cores": 2, "load_average": [0.1]},
    "versions": {"torch": "2.11.0", "torch_geometric": "2.8.1", "python": "3.11.7"},
    "environment": {"GOMP_SPINCOUNT": "20000"},
    "method": {"rounds": 7},
    "ours": "measured",
    "quick": False,
}


def group(name: str, value: int) -> dict:
    return {"id": name, "value": value}


def changed(part: str, **changes: object) -> dict:
    return HEADER | {part: HEADER[part] | changes}


class CollectionTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "results.json"

    def write(self, header: dict, *groups: dict) -> list[dict]:
        measured = collection.with_run(groups, header)
        results = collection.shared(header) | {"groups": measured}
        self.path.write_text(json.dumps(results), encoding="utf-8")
        return measured

    def test_without_a_file_there_are_no_groups(self) -> None:
        self.assertEqual(collection.groups_of_file(self.path, HEADER), [])

    def test_groups_of_the_same_machine_stay_whatever_its_load_and_rounds(self) -> None:
        old = changed("machine", load_average=[2.0]) | {"method": {"rounds": 5}}
        measured = self.write(old, group("a", 1))
        self.assertEqual(collection.groups_of_file(self.path, HEADER), measured)

    def test_those_of_another_machine_torch_environment_or_benchmark_are_refused_in_a_sentence(self) -> None:
        for old, what in (
            (changed("machine", device="Another CPU"), "device Another CPU"),
            (changed("machine", threads=4), "threads 4"),
            (changed("versions", torch="2.12.0"), "torch 2.12.0"),
            (changed("environment", MALLOC_ARENA_MAX="1"), "MALLOC_ARENA_MAX"),
            (HEADER | {"environment": {}}, "environment {}"),
            (HEADER | {"benchmark": "step_scale"}, "benchmark step_scale"),
            (HEADER | {"quick": True}, "quick True"),
            (HEADER | {"ours": "it is missing"}, "ours it is missing"),
        ):
            self.write(old, group("a", 1))
            with self.subTest(what), self.assertRaises(UserError) as raised:
                collection.groups_of_file(self.path, HEADER)
            self.assertIn(what, str(raised.exception))
            self.assertIn("--only", str(raised.exception))
            self.assertEqual(raised.exception.exit_code, 3)

    def test_every_group_says_how_it_was_measured_and_the_file_what_they_share(self) -> None:
        (old,) = collection.with_run([group("a", 1)], HEADER | {"method": {"rounds": 5}})
        (new,) = collection.with_run([group("b", 2)], HEADER)
        self.assertEqual((old["run"]["method"], new["run"]["method"]), ({"rounds": 5}, {"rounds": 7}))
        for name in ("command", "started", "commit", "environment"):
            self.assertEqual(new["run"][name], HEADER[name])
        self.assertEqual(new["run"]["load_average"], [0.1])
        shared = collection.shared(HEADER)
        self.assertEqual(set(shared), {"benchmark", "schema", "machine", "versions", "ours", "quick"})
        self.assertNotIn("load_average", shared["machine"])

    def test_new_groups_take_the_place_of_old_ones_in_the_order_of_the_plan(self) -> None:
        old, new = [group("a", 1), group("b", 2)], [group("c", 3), group("a", 4)]
        found = collection.merged(old, new, ["c", "a", "b"])
        self.assertEqual(found, [group("c", 3), group("a", 4), group("b", 2)])

    def test_the_page_names_every_run_once(self) -> None:
        (old,) = collection.with_run([group("a", 1)], HEADER | {"commit": "old"})
        new = collection.with_run([group("b", 2), group("c", 3)], HEADER)
        text = "\n".join(heading(collection.shared(HEADER) | {"groups": [old, *new]}))
        self.assertEqual(text.count("at commit `old`"), 1)
        self.assertEqual(text.count("at commit `new`"), 1)


if __name__ == "__main__":
    unittest.main()

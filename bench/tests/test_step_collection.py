"""bench/step/collection.py: groups of several runs in one file."""

import json
from pathlib import Path
import tempfile
import unittest

from support import CPU
from common.tables import heading
from step import collection

HEADER = {
    "command": "bench new",
    "started": "2031-02-03T04:05:06+00:00",
    "commit": "new",
    "machine": CPU | {"cores": 2, "load_average": [0.1]},
    "versions": {"torch": "2.11.0", "torch_geometric": "2.8.1", "python": "3.11.7"},
    "ours": "measured",
}


def group(name: str, value: int) -> dict:
    return {"id": name, "value": value}


class CollectionTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "results.json"

    def test_without_a_file_there_are_no_groups(self) -> None:
        self.assertEqual(collection.groups_of_file(self.path, HEADER), [])

    def test_groups_of_the_same_machine_stay_whatever_its_load(self) -> None:
        machine = HEADER["machine"] | {"load_average": [2.0]}
        old = HEADER | {"machine": machine, "groups": [group("a", 1)]}
        self.path.write_text(json.dumps(old), encoding="utf-8")
        self.assertEqual(collection.groups_of_file(self.path, HEADER), [group("a", 1)])

    def test_those_of_another_machine_or_torch_are_refused(self) -> None:
        for change in (
            {"machine": HEADER["machine"] | {"device": "Another CPU"}},
            {"machine": HEADER["machine"] | {"threads": 4}},
            {"versions": HEADER["versions"] | {"torch": "2.12.0"}},
        ):
            self.path.write_text(json.dumps(HEADER | change | {"groups": []}), encoding="utf-8")
            with self.subTest(change), self.assertRaisesRegex(collection.OtherMachine, "--only"):
                collection.groups_of_file(self.path, HEADER)

    def test_new_groups_take_the_place_of_old_ones_in_the_order_of_the_plan(self) -> None:
        old, new = [group("a", 1), group("b", 2)], [group("c", 3), group("a", 4)]
        found = collection.merged(old, new, ["c", "a", "b"])
        self.assertEqual(found, [group("c", 3), group("a", 4), group("b", 2)])

    def test_the_page_names_every_run_once(self) -> None:
        (old,) = collection.with_run([group("a", 1)], HEADER | {"commit": "old"})
        new = collection.with_run([group("b", 2), group("c", 3)], HEADER)
        text = "\n".join(heading(HEADER | {"groups": [old, *new]}))
        self.assertEqual(text.count("at commit `old`"), 1)
        self.assertEqual(text.count("at commit `new`"), 1)


if __name__ == "__main__":
    unittest.main()

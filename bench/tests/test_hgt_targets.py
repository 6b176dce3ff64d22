"""bench/hgt: targets and the table of a layer."""

import unittest

from support import CPU
from hgt import tables, targets


def group(name: str, **calls: tuple[float, int]) -> dict:
    """Milliseconds and bytes of each call."""
    return {
        "id": name,
        "kind": "layer",
        "name": name.capitalize(),
        "nodes": 1000,
        "edges": 20_000,
        "relations": 4,
        "features": 256,
        "heads": 8,
        "calls": {
            call: {"median_ms": ms, "samples_ms": [ms] * 5, "peak_bytes": size}
            for call, (ms, size) in calls.items()
        },
    }


FOUR = group("hetionet-four", torch_geometric=(620.0, 90), plain=(30.0, 60), ours=(20.0, 30))
GENERATED = group("generated", plain=(600.0, 900 << 20), ours=(120.0, 90 << 20))


class HgtTargetsTest(unittest.TestCase):
    def verdicts(self, *groups: dict) -> dict[tuple[str, str], tuple]:
        found = targets.verdicts({"machine": CPU}, groups)
        self.assertEqual(found["peer_checks"], [])
        return {
            (t["group"], t["what"]): (t["kind"], t["needed"], t["measured"], t["reached"])
            for t in found["targets"]
        }

    def test_each_graph_has_its_own(self) -> None:
        whole = group("hetionet-all", plain=(29.0, 9), ours=(20.0, 9))
        self.assertEqual(
            self.verdicts(FOUR, whole, GENERATED),
            {
                ("hetionet-four", "against HGTConv of PyTorch Geometric"): (
                    "at_least", 30, 31.0, True,
                ),
                ("hetionet-all", "against plain PyTorch"): ("at_least", 1.5, 1.45, False),
                ("generated", "against plain PyTorch"): ("at_least", 6, 5.0, False),
                ("generated", "peak memory against plain PyTorch's"): (
                    "at_most", 0.25, 0.1, True,
                ),
            },
        )

    def test_without_a_peer_it_is_open(self) -> None:
        found = self.verdicts(group("generated", ours=(1.0, 1)))
        self.assertEqual({reached for *_, reached in found.values()}, {None})

    def test_the_table_has_a_row_a_call(self) -> None:
        lines = tables.layer_tables([GENERATED])
        self.assertIn("Generated: 1,000 nodes, 20,000 edges, 4 relations", lines[0])
        self.assertIn(
            "| plain PyTorch, a vector an edge of each kind | 600 | 33,333 | 5 | 900 |", lines
        )
        self.assertIn("| **ours** | 120 | 166,667 | 1 | 90 |", lines)
        self.assertFalse([line for line in lines if "HGTConv" in line], "it was not measured")


if __name__ == "__main__":
    unittest.main()

"""bench/step in PyTorch: the peers take the same steps, and bare products have all their FLOPs."""

import unittest

try:
    import torch
    import torch_geometric  # noqa: F401
except (ImportError, OSError) as error:
    # OSError: the small environment's torch lacks the CUDA libraries that Python's import loads.
    raise unittest.SkipTest(f"needs the full environment ({error})") from error

from dataclasses import replace
import json
from pathlib import Path
import subprocess
import sys
import tempfile
from unittest import mock

from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode

import support
from common.memcpy import SMALLEST_SHARED, copy_of
from common.result_files import SCHEMA
from common.timing import WallClock
from step import agreement, models, peer_process, step_groups
from step.case import BATCHES, Case
from step.data import NO_TARGET, read_batches, write_folder
from step.flops import Product, forward_products
from step.gemm_rate import GemmRate, Operands, tilings_of
from step.lengths import batches_of_lengths
from step.plan import PEERS, Entry, full, quick, scale
from step.program import ProgramSteps
from step.training import StepRecord, Training, clip_by_exact_norm

CPU = torch.device("cpu")
CASE = Case("HGNN", dim=16, layers=2, batch=2, length=12, vocab=50)


def setUpModule() -> None:
    torch.set_num_threads(1)


class PlanTest(unittest.TestCase):
    def test_on_a_gpu_only_captured_steps_are_timed(self) -> None:
        gpu = torch.device("cuda")
        for plan in (full(gpu, 1, 5), scale(gpu, 1, 5, compiled=False), quick(gpu, 1)):
            self.assertGreater(plan.warm_up_steps, 4)
            self.assertGreaterEqual(plan.program_steps, 10)
            self.assertEqual(plan.program_steps % BATCHES, 0, "all batches as often")
            self.assertEqual(plan.peer_steps, plan.program_steps, "launches are hidden alike")
        self.assertEqual(full(CPU, 1, 5).warm_up_steps, 2)

    def test_growth_has_torch_compile_where_it_is_asked_for(self) -> None:
        for compiled, expected in ((False, set()), (True, {2, 8, 16})):
            entries = scale(CPU, 1, 5, compiled).entries
            found = {e.case for e in entries if "compiled" in e.peers}
            self.assertEqual({case.experts for case in found}, expected)
            self.assertEqual({case.coupler for case in found} or {"HGNN", "GNN"}, {"HGNN", "GNN"})
            self.assertTrue(all("dense" in e.peers for e in entries))

    def test_every_median_is_of_five_rounds_at_least(self) -> None:
        for plan in (full(CPU, 1, 5), full(CPU, 1, 7)):
            calls = {f"{peer}@{p}" for e in plan.entries for peer, p in e.peer_calls()}
            self.assertIn("sequential@fp32", calls)
            self.assertGreaterEqual(min(map(plan.rounds_of, calls)), 5)

    def test_peaks_of_lines_come_from_fifty_lengths(self) -> None:
        self.assertEqual(full(CPU, 1, 5).distinct_batches, 50)


class MainTest(unittest.TestCase):
    def fail(self, *arguments: str) -> tuple[int, str]:
        """Exit code and the last line of a run that ends before it measures anything."""
        command = [sys.executable, "-m", "step.main", "--quick", "--program", "/none", *arguments]
        folder = support.REPOSITORY / "bench"
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        self.assertNotIn("Traceback", result.stderr)
        return result.returncode, result.stderr.splitlines()[-1]

    def test_results_of_another_machine_are_refused_in_a_sentence(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "results.json"
            machine = {"device": "Another CPU", "cores": 1, "threads": 2, "instruction_sets": []}
            versions = {"torch": torch.__version__, "torch_geometric": "2"}
            results = {"schema": SCHEMA, "machine": machine, "versions": versions, "groups": []}
            path.write_text(json.dumps(results), encoding="utf-8")
            code, line = self.fail("--only", "gnn", "--out", str(path))
        self.assertEqual(code, 3)
        self.assertIn("results.json holds results of device Another CPU, this is", line)
        self.assertTrue(line.endswith("leave out --only, or give another --out"), line)

    def test_options_that_mean_nothing(self) -> None:
        for arguments, said in (
            (("--only", "rnn"), "no case begins so"),
            (("--compile",), "--compile is about --scale"),
        ):
            code, line = self.fail(*arguments)
            self.assertEqual(code, 2)
            self.assertIn(said, line)


class StartsTest(unittest.TestCase):
    """Which process says what: processes of peers and of the program are made up."""

    def starts(self) -> tuple[dict, list[list[int]]]:
        """Made-up starts, whose peak is their steps, and the lengths of the many batches."""

        class FakeProgram:
            def steps(self, case, precision, dropout, init, data, count, rate) -> ProgramSteps:
                return ProgramSteps([], 3.0, 2.0, count)

        def of_peer(request) -> dict[str, float]:
            return {"first_step_s": 9.0, "peak_bytes": request.steps}

        entry = Entry(CASE, ("dense",), precisions=("fp32",))
        plan = replace(quick(CPU, 1), distinct_batches=7)
        with (
            tempfile.TemporaryDirectory() as name,
            mock.patch.object(step_groups.peer_process, "measure", of_peer),
            mock.patch.object(step_groups, "progress"),
        ):
            bench = step_groups.Bench(entry, plan, FakeProgram(), Path(name))
            batches = read_batches(Path(name) / step_groups.DISTINCT, CASE, CPU)
            targets = [(batch.labels_BT != NO_TARGET).sum().item() for batch in batches]
            return bench.starts_of_rows(), targets

    def test_all_sides_agree_at_the_same_small_rate(self) -> None:
        rates = []

        class Fake:
            """The program and the peers."""

            def steps(self, case, precision, dropout, init, data, count, rate) -> ProgramSteps:
                rates.append(rate)
                return ProgramSteps([{"loss": 2.0, "grad_norm": 1.0}] * count, 3.0, 2.0, 1)

            def first_steps(self, loss_of, batches, precision, count, rate) -> list[StepRecord]:
                rates.append(rate)
                return [StepRecord(2.0, 1.0)] * count

            def loss_function(self, peer, dropout) -> None:
                self.dropout = dropout

        entry, fake = Entry(CASE, ("dense",), precisions=("fp32",)), Fake()
        with (
            tempfile.TemporaryDirectory() as name,
            mock.patch.object(step_groups, "progress"),
        ):
            bench = step_groups.Bench(entry, quick(CPU, 1), fake, Path(name))
            self.assertEqual(set(bench.check_agreement(fake)), {"dense@fp32", "ours@fp32"})
        self.assertEqual((rates, fake.dropout), ([agreement.LEARNING_RATE] * 3, 0.0))

    def test_what_a_gpu_did_stands_beside_the_call_that_it_did_it_in(self) -> None:
        shares = iter((0.5, 0.9))

        class FakeProgram:
            def steps(self, case, precision, dropout, init, data, count, rate) -> ProgramSteps:
                event = {"tokens": 1, "tokens_per_s": 1000.0}
                return ProgramSteps([event] * count, 3.0, 2.0, 1, next(shares))

        entry = Entry(CASE, (), precisions=("fp32",))
        with tempfile.TemporaryDirectory() as name:
            bench = step_groups.Bench(entry, quick(CPU, 1), FakeProgram(), Path(name))
            with mock.patch.object(step_groups, "progress"):
                group = bench.time(None, "full", {}, {})
        self.assertEqual(group["calls"]["ours@fp32"]["samples_ms"], [1.0, 1.0])
        self.assertEqual(group["calls"]["ours@fp32"]["gpu_utilisation"], 0.7)
        self.assertNotIn("gpu_utilisation", group["calls"]["gemm@fp32"])

    def test_the_peak_of_lines_is_that_of_many_different_batches(self) -> None:
        starts, targets = self.starts()
        self.assertEqual(len(set(targets)), 7)
        ours, dense = "ours@fp32", "dense@fp32"
        self.assertEqual({call: start["peak_bytes"] for call, start in starts["lines"].items()},
                         {ours: 7, dense: 7})
        self.assertEqual({call: start["peak_bytes"] for call, start in starts["full"].items()},
                         {ours: 2, dense: 2})
        for rows in ("full", "lines"):
            self.assertEqual(starts[rows][dense]["first_step_s"], 9.0)
            self.assertEqual(starts[rows][ours]["startup_s"], 2.0)

    def test_a_peer_takes_as_many_steps_as_asked_for_on_all_batches(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_folder(folder / "data", CASE, [[12, 5], [12, 6], [12, 7]])
            models.write_initial_weights(folder / "init.safetensors", CASE)
            request = peer_process.PeerRequest(
                CASE.as_dict(), "dense", "fp32", f"{folder}/init.safetensors", f"{folder}/data",
                "cpu", threads=1, steps=4,
            )  # fmt: skip
            with mock.patch.object(Training, "step") as step:
                found = peer_process.answer(request)
        batches = [call.args[1] for call in step.call_args_list]
        targets = [(batch.labels_BT != NO_TARGET).sum().item() for batch in batches]
        self.assertEqual(targets, [15, 16, 17, 15])
        self.assertGreater(found["peak_bytes"], 50e6)


    def test_on_a_gpu_both_sides_count_what_the_allocator_holds(self) -> None:
        with (
            mock.patch.object(torch.cuda, "max_memory_allocated", return_value=5),
            mock.patch.object(torch.cuda, "max_memory_reserved", return_value=7),
        ):
            self.assertEqual(peer_process.peak_of_this_process(torch.device("cuda")), 7)
        self.assertGreater(peer_process.peak_of_this_process(CPU), 50e6)


class PeersTest(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def training(self, case: Case) -> Training:
        folder = self.folder / case.coupler
        write_folder(folder, case, batches_of_lengths("lines", case.batch, case.length))
        models.write_initial_weights(folder / "init.safetensors", case)
        return Training(case, folder / "init.safetensors", CPU)

    def records(self, case: Case) -> tuple[dict, list]:
        training = self.training(case)
        batches = read_batches(self.folder / case.coupler, case, CPU)

        def steps(peer: str, precision: str) -> list:
            loss_of = training.loss_function(peer, dropout=0.0)
            return training.first_steps(loss_of, batches, precision, agreement.STEPS)

        peers = tuple(peer for peer in PEERS[case.coupler] if peer != "compiled")  # takes a minute
        found = {f"{peer}@{p}": steps(peer, p) for peer, p in Entry(case, peers).peer_calls()}
        return found, steps("dense", "fp32")

    def test_all_take_the_same_steps(self) -> None:
        for coupler in ("HGNN", "GNN"):
            with self.subTest(coupler):
                records, expected = self.records(replace(CASE, coupler=coupler))
                wrong = frozenset({"pyg_original@fp32"})
                differences = agreement.check(records, expected, wrong)
                self.assertEqual(len(differences), {"HGNN": 6, "GNN": 4}[coupler])

    def test_a_gradient_that_is_off_by_one_in_ten_thousand_is_found(self) -> None:
        training = self.training(CASE)
        batches = read_batches(self.folder / CASE.coupler, CASE, CPU)
        loss_of = training.loss_function("dense", dropout=0.0)

        def same_loss_other_gradient(*arguments):
            loss = loss_of(*arguments)
            return loss + 1e-4 * (loss - loss.detach())

        expected = training.first_steps(loss_of, batches, "fp32", agreement.STEPS)
        off = training.first_steps(same_loss_other_gradient, batches, "fp32", agreement.STEPS)
        with self.assertRaisesRegex(agreement.Disagreement, "grad_norm of dense@fp32"):
            agreement.check({"dense@fp32": off}, expected)

    def test_a_weight_that_is_off_by_one_in_ten_thousand_is_found(self) -> None:
        training = self.training(CASE)
        batches = read_batches(self.folder / CASE.coupler, CASE, CPU)
        loss_of = training.loss_function("dense", dropout=0.0)
        expected = training.first_steps(loss_of, batches, "fp32", 1)

        def with_a_larger_weight(*arguments):
            with torch.no_grad():
                training.parameters["output_norm.weight"].mul_(1 + 1e-4)
            return loss_of(*arguments)

        off = training.first_steps(with_a_larger_weight, batches, "fp32", 1)
        with self.assertRaisesRegex(agreement.Disagreement, "grad_norm"):
            agreement.check({"dense@fp32": off}, expected)

    def test_steps_to_compare_have_exact_norms_and_those_to_time_have_not(self) -> None:
        trainer = self.training(CASE)
        batches = read_batches(self.folder / CASE.coupler, CASE, CPU)
        loss_of = trainer.loss_function("dense", dropout=0.0)
        name = "step.training.clip_by_exact_norm"
        with mock.patch(name, side_effect=clip_by_exact_norm) as exact:
            trainer.first_steps(loss_of, batches, "fp32", 3)
            self.assertEqual(exact.call_count, 3)
            trainer.milliseconds(loss_of, batches, "fp32")
            self.assertEqual(exact.call_count, 3)

    def test_timed_steps_are_queued_before_the_first_is_reported(self) -> None:
        """On a GPU asking for a loss waits for it, and ours are one step ahead."""
        trainer = self.training(CASE)
        (batch, *_) = read_batches(self.folder / CASE.coupler, CASE, CPU)
        losses, asked = [], []

        def loss_of(*arguments):
            losses.append(torch.zeros((), requires_grad=True) + 1)
            return losses[-1]

        item = torch.Tensor.item

        def noting_item(tensor):
            asked.append(len(losses))
            return item(tensor)

        with (
            mock.patch.object(torch.Tensor, "item", noting_item),
            mock.patch("step.training.clip_as_users_do", return_value=torch.ones(())),
        ):
            trainer.milliseconds(loss_of, [batch] * 3, "fp32")
        self.assertEqual(asked, [3] * 6)

    def test_norms_to_compare_have_no_rounding_of_their_own(self) -> None:
        """In float32 this one is off by more than 1e-5."""
        parameter = torch.nn.Parameter(torch.empty(1 << 24))
        parameter.grad = torch.full_like(parameter, 0.1)
        without_gradient = torch.nn.Parameter(torch.ones(1))
        expected = 0.1 * 2**12
        norm = clip_by_exact_norm([parameter, without_gradient]).item()
        self.assertAlmostEqual(norm / expected, 1, 7)
        self.assertAlmostEqual((parameter.grad[0] * 2**12).item(), 1, 4)  # clipped to norm 1

    def test_steps_learn_and_start_again(self) -> None:
        training = self.training(CASE)
        (batch, *_) = read_batches(self.folder / CASE.coupler, CASE, CPU)
        loss_of = training.loss_function("dense", dropout=0.0)
        records = training.first_steps(loss_of, [batch], "fp32", 4)
        losses = [record.loss for record in records]
        self.assertEqual(losses, sorted(set(losses), reverse=True))
        self.assertEqual(training.first_steps(loss_of, [batch], "fp32", 4), records)

    def test_gradients_are_clipped(self) -> None:
        training = self.training(CASE)
        (batch, *_) = read_batches(self.folder / CASE.coupler, CASE, CPU)
        loss_of = training.loss_function("dense", dropout=0.0)
        record = training.step(lambda *args: 10 * loss_of(*args), batch, "fp32")
        self.assertGreater(record.grad_norm, 2)
        norms = [parameter.grad.norm() for parameter in training.parameters.values()]
        self.assertAlmostEqual(torch.stack(norms).norm().item(), 1, places=4)

    def test_dropout_is_at_work(self) -> None:
        training = self.training(CASE)
        (batch, *_) = read_batches(self.folder / CASE.coupler, CASE, CPU)
        loss_of = training.loss_function("dense", dropout=0.5)
        losses = {loss_of(batch.tokens_BT, batch.labels_BT).item() for _ in range(3)}
        self.assertEqual(len(losses), 3)

    def test_the_weights_say_what_their_tensors_do_not_show(self) -> None:
        """Without it the program takes hyperedge weights for raw ones, or refuses the file."""
        self.training(CASE)
        with safe_open(self.folder / CASE.coupler / "init.safetensors", "pt") as file:
            notes = file.metadata()
        self.assertEqual(notes["hyperedge_weight_param"], "positive")
        self.assertEqual(notes["num_heads"], str(CASE.heads))

    def test_labels_are_the_next_real_tokens(self) -> None:
        self.training(CASE)
        rows = batches_of_lengths("lines", CASE.batch, CASE.length)
        batches = read_batches(self.folder / CASE.coupler, CASE, CPU)
        for batch, sizes in zip(batches, rows, strict=True):
            for tokens, labels, size in zip(batch.tokens_BT, batch.labels_BT, sizes, strict=True):
                self.assertEqual(labels[: size - 1].tolist(), tokens[1:size].tolist())
                self.assertEqual(set(labels[size - 1 :].tolist()), {NO_TARGET})


class ProductsTest(unittest.TestCase):
    def test_a_model_multiplies_what_is_counted(self) -> None:
        """Weights of experts, GNN layers, combiner and head; peers compute all logits."""
        case = replace(CASE, coupler="GNN")
        model = models.PeerModel(models.model_config(case, dropout=0.0))
        tokens_BT = torch.zeros(case.batch, case.length, dtype=torch.int64)
        for layer in model.model_layers:
            layer.coupler.form = models.FORMS["pair_loop"](
                models.CouplerParts(layer.coupler, [], case.experts, CPU), case
            )
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(tokens_BT, tokens_BT)
        counted = sum(
            flops
            for operation, flops in counter.get_flop_counts()["Global"].items()
            if str(operation) in ("aten.mm", "aten.addmm")
        )
        rows = case.batch * case.length
        products = forward_products(case, [case.length] * case.batch)
        expected = sum(replace(p, rows=rows).flops for p in products if p.name == "head")
        expected += sum(p.flops for p in products if p.name != "head")
        # The loop multiplies a gate's [2D] once a pair, which is no product of matrices here.
        gates = 2 * (2 * case.dim) * case.experts * (case.experts - 1) * rows
        gates *= case.gnn_layers * case.layers
        self.assertEqual(counted, expected + gates)

    def test_tiles_of_every_width_make_the_whole_product(self) -> None:
        product = Product("head", rows=300, inner=8, columns=1500, count=2)
        tilings = tilings_of(product)
        self.assertEqual({t.axis for t in tilings}, {"whole", "rows", "columns"})
        for tiling in tilings:
            operands = Operands(product, tiling, torch.float32, CPU)
            for direction, call in operands.calls().items():
                with self.subTest(tiling=tiling, direction=direction):
                    with FlopCounterMode(display=False) as counter:
                        call()
                    self.assertEqual(product.count * counter.get_total_flops(), product.flops)

    def test_memcpy_copies_every_byte(self) -> None:
        torch.set_num_threads(3)
        self.addCleanup(torch.set_num_threads, 1)
        source = torch.arange(SMALLEST_SHARED // 4 + 1, dtype=torch.int32)
        target = torch.zeros_like(source)
        with mock.patch.object(torch, "empty_like", return_value=target):
            run = copy_of(source)
        target.zero_()
        run()
        self.assertTrue(torch.equal(target, source))

    def test_the_rate_counts_a_product_as_often_as_the_step_has_it(self) -> None:
        class Clock(WallClock):
            def measure(self, call, repeats: int) -> float:
                super().measure(call, 1)
                return 2.0

        products = [Product("a", 4, 4, 4, count=5), Product("b", 4, 4, 4, count=1)]
        rate = GemmRate(products, "bf16", Clock(), CPU)
        self.assertEqual(rate.milliseconds(), 3 * (5 + 1) * 2.0)
        self.assertEqual(rate.flops, 3 * 6 * 2 * 4**3)
        self.assertEqual(len(rate.tilings), 6)


if __name__ == "__main__":
    unittest.main()

"""bench/step in PyTorch: the peers take the same steps, and bare products have all their FLOPs."""

from dataclasses import replace
from pathlib import Path
import tempfile
import unittest
from unittest import mock

from safetensors import safe_open

import support  # noqa: F401  (the path)
from full_environment import torch
from common.memcpy import SMALLEST_SHARED, copy_of
from common.timing import WallClock
from step import agreement, models
from step.case import Case
from step.data import NO_TARGET, read_batches, write_folder
from step.flops import Product, forward_products
from step.gemm_rate import GemmRate, Operands, tilings_of
from step.lengths import batches_of_lengths
from step.plan import PEERS, Entry
from step.training import Training, clip_by_exact_norm
from torch.utils.flop_counter import FlopCounterMode

CPU = torch.device("cpu")
CASE = Case("HGNN", dim=16, layers=2, batch=2, length=12, vocab=50)


def setUpModule() -> None:
    torch.set_num_threads(1)


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

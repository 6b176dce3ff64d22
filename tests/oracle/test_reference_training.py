"""The reference training loop against torch's own scheduler and the AdamW formula."""

import full_environment  # noqa: F401  (first: skips where torch is missing)

import math
import unittest

import torch

from generate import draw_batch, draw_model, generator_for
from golden_cases import TRAINING_CASES
from reference_training import LOWEST_RATE, TrainingSettings, learning_rate_at, train


class ScheduleTest(unittest.TestCase):
    def test_cosine_is_torch_cosine_annealing(self) -> None:
        settings = TrainingSettings(learning_rate=3e-3, total_steps=17)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-3)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 17, eta_min=LOWEST_RATE)
        for step in range(17):
            expected = scheduler.get_last_lr()[0]
            self.assertAlmostEqual(learning_rate_at(step, settings), expected, delta=1e-15)
            optimizer.step()
            scheduler.step()

    def test_warm_up_is_linear_and_the_cosine_starts_after_it(self) -> None:
        settings = TrainingSettings(learning_rate=1.0, total_steps=10, warmup_steps=4)
        rates = [learning_rate_at(step, settings) for step in range(5)]
        for rate, expected in zip(rates, [0.25, 0.5, 0.75, 1.0, 1.0], strict=True):
            self.assertAlmostEqual(rate, expected, places=12)
        half = LOWEST_RATE + (1 - LOWEST_RATE) / 2
        self.assertAlmostEqual(learning_rate_at(7, settings), half, places=12)

    def test_a_rate_below_the_floor_stays_where_it_is(self) -> None:
        settings = TrainingSettings(learning_rate=1e-8, total_steps=3)
        self.assertEqual([learning_rate_at(step, settings) for step in range(3)], [1e-8] * 3)


class TrainingTest(unittest.TestCase):
    def test_unused_parameters_stay_and_zero_gradients_decay(self) -> None:
        case = TRAINING_CASES[0]
        generator = generator_for("unused")
        model = draw_model(case.model, generator)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        batch = draw_batch(generator)
        settings = TrainingSettings(learning_rate=0.1, total_steps=1)
        (record,) = train(model, [batch], settings)
        after = dict(model.named_parameters())
        unused = "model_layers.0.coupler.gnn_layers_module.0.neighbor_transform.weight"
        self.assertTrue(torch.equal(before[unused], after[unused]))
        absent = sorted(set(range(11)) - set(batch.tokens.flatten().tolist()))[0]
        decayed = before["token_emb.weight"][absent] * (1 - 0.1 * 0.01)
        torch.testing.assert_close(after["token_emb.weight"][absent].detach(), decayed)
        self.assertEqual(record.learning_rate, 0.1)

    def test_first_update_follows_the_formula(self) -> None:
        """Step 1 of AdamW: m/(1-b1) = g and v/(1-b2) = g^2, after clipping by norm + 1e-6."""
        case = TRAINING_CASES[1]
        generator = generator_for("formula")
        model = draw_model(case.model, generator)
        before = {name: value.detach().clone() for name, value in model.named_parameters()}
        settings = TrainingSettings(
            learning_rate=0.05, total_steps=1, weight_decay=0.3, grad_clip=0.5
        )
        (record,) = train(model, [draw_batch(generator)], settings)
        clipped = [parameter.grad for parameter in model.parameters()]
        self.assertGreater(record.grad_norm, 0.5)
        norm = math.sqrt(sum(gradient.square().sum().item() for gradient in clipped))
        self.assertAlmostEqual(norm, 0.5 * record.grad_norm / (record.grad_norm + 1e-6), places=12)
        for name, parameter in model.named_parameters():
            gradient = parameter.grad
            expected = before[name] * (1 - 0.05 * 0.3)
            expected -= 0.05 * gradient / (gradient.abs() + 1e-8)
            torch.testing.assert_close(parameter.detach(), expected, rtol=1e-9, atol=1e-9)


if __name__ == "__main__":
    unittest.main()

"""The reference model with each way to compute its couplers, on parameters that all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from common import pyg_forms, torch_forms
from common.coupler_parts import CouplerForm, CouplerParts, make_every_parameter_count
from common.oracle import Coupler, ExpertBlock, LanguageModel, ModelConfig, strategy_hyperedges
from step.case import Case
from step.data import NO_TARGET

Parameters = Mapping[str, nn.Parameter]
LossFunction = Callable[[Tensor, Tensor], Tensor]  # tokens and labels [B, T] to the mean loss

# Initial matrices that are drawn larger than a run draws them.
LARGER = ("lm_head.weight", "message_weight.weight", "transform.weight")


def _dense(parts: CouplerParts, case: Case) -> CouplerForm:
    if case.coupler == "GNN":
        return torch_forms.gnn_with(parts, torch_forms.dense_message)
    return torch_forms.dense_hgnn(parts)


FORMS: dict[str, Callable[[CouplerParts, Case], CouplerForm]] = {
    "sequential": lambda parts, case: pyg_forms.sequential(parts),
    "pyg_original": lambda parts, case: pyg_forms.original(parts),
    "pyg_correct": lambda parts, case: pyg_forms.correct(parts, case.batch * case.length),
    "pair_loop": lambda parts, case: torch_forms.loop_gnn(parts),
    "dense": _dense,
    "compiled": _dense,
}


class CausalBlock(ExpertBlock):
    """The reference's block, which tells attention that its mask is causal: the fastest form."""

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        future_TT = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device)
        attended, _ = self.attention(
            normed, normed, normed, attn_mask=future_TT, is_causal=True, need_weights=False
        )
        hidden = x + attended
        return hidden + self.ffn(self.norm2(hidden))


class FormedCoupler(Coupler):
    """The reference's coupler, computed by `form`."""

    form: CouplerForm

    def forward(self, x_NED: Tensor, input_ND: Tensor) -> Tensor:
        """The layer's input `input_ND` matters for hyperedge weights of each token alone."""
        return self.form(x_NED)


class PeerModel(LanguageModel):
    """The reference model, its blocks and couplers exchanged, with the loss at real targets."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        for layer in self.model_layers:
            layer.experts = nn.ModuleList(CausalBlock(config) for _ in range(config.num_experts))
            layer.coupler = FormedCoupler(config)

    def forward(self, tokens_BT: Tensor, labels_BT: Tensor) -> Tensor:
        logits_BTV = super().forward(tokens_BT)
        return F.cross_entropy(
            logits_BTV.flatten(0, 1), labels_BT.flatten(), ignore_index=NO_TARGET
        )


def model_config(case: Case, dropout: float) -> ModelConfig:
    return ModelConfig(
        vocab_size=case.vocab,
        embed_dim=case.dim,
        num_heads=case.heads,
        num_layers=case.layers,
        max_seq_length=case.length,
        num_experts=case.experts,
        gnn_layers=case.gnn_layers,
        coupler_type=case.coupler,
        hyperedges=strategy_hyperedges("all_pairs", case.experts),
        dropout_rate=dropout,
    )


def write_initial_weights(path: Path, case: Case) -> None:
    """model.safetensors as the program takes it for --init_from. Logits have unit size and so have
    the GNN's gates and messages before their functions: a loss near its first value would hardly
    show what the couplers do."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        config = model_config(case, dropout=0.0)
        model = LanguageModel(config)
        make_every_parameter_count(model)
        for name, parameter in model.named_parameters():
            if name.endswith(LARGER):
                nn.init.normal_(parameter, 0.0, parameter.shape[1] ** -0.5)
    save_file(model.state_dict(), path, config.weight_notes())


def load_parameters(path: Path, device: torch.device) -> dict[str, nn.Parameter]:
    """Copies: what load_file returns may lie in the file's own pages."""
    return {
        name: nn.Parameter(values.to(device, copy=True)) for name, values in load_file(path).items()
    }


def loss_function(
    peer: str, case: Case, dropout: float, parameters: Parameters, device: torch.device
) -> LossFunction:
    """A peer on the shared parameters, in training mode; `compiled` compiles on its first call."""
    with torch.device("meta"):
        model = PeerModel(model_config(case, dropout))
    model.load_state_dict(dict(parameters), assign=True)
    hyperedges = strategy_hyperedges("all_pairs", case.experts)
    for layer in model.model_layers:
        parts = CouplerParts(layer.coupler, hyperedges, case.experts, device)
        layer.coupler.form = FORMS[peer](parts, case)
    model.train()
    return torch_forms.compiled(model) if peer == "compiled" else model

"""Writes every file of tests/golden: python tests/oracle/generate.py [--out FOLDER]."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import zlib

from safetensors.torch import save
import torch
from torch import Tensor

from golden_cases import (
    HYPERGRAPH_CASES,
    LENGTHS,
    MODEL_CASES,
    TOKENS_PER_ROW,
    TRAINING_CASES,
    VOCAB_SIZE,
    HypergraphCase,
    ModelCase,
    TrainingCase,
)
from hgt_golden import HGT_CASES, hgt_golden
from hypergraphs import mixing_matrix
from reference_model import HgnnLayer, LanguageModel, ModelConfig, next_token_loss
from reference_training import Batch, TrainingSettings, train

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

Golden = tuple[dict[str, Tensor], dict[str, str]]  # tensors, metadata


def generator_for(name: str) -> torch.Generator:
    """Each file has its own random stream, so adding a case changes no other file."""
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def normal(shape: torch.Size | list[int], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def draw_parameters(
    model: torch.nn.Module, hyperedge_values: str, generator: torch.Generator
) -> None:
    """No zeros and no ones: a bias forgotten or a scale dropped must change the result.

    Every value fits float32, so that the files can hold the parameters in half the space.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = normal(parameter.shape, generator).float()
            if name.endswith("hyperedge_weights"):
                # Both signs need no distance from zero only under softplus.
                sign = {"positive": 1.0, "negative": -1.0}.get(hyperedge_values)
                parameter.copy_(noise if sign is None else sign * (0.3 + noise.abs()))
            elif name.endswith("adjacency_logits"):
                parameter.copy_(noise)
            elif "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.3 * noise)
            else:
                parameter.copy_(0.5 * noise)


def draw_batch(generator: torch.Generator) -> Batch:
    """Ragged rows padded with id 0, which also occurs as a real token."""
    shape = (len(LENGTHS), TOKENS_PER_ROW)
    tokens = torch.randint(VOCAB_SIZE, shape, generator=generator)
    for row, length in zip(tokens, LENGTHS, strict=True):
        row[length:] = 0
    tokens[0, 2] = 0
    return Batch(tokens, LENGTHS)


def model_metadata(case: ModelCase) -> dict[str, str]:
    return {
        "coupler_type": case.coupler_type,
        "num_experts": json.dumps(case.num_experts),
        "num_layers": json.dumps(case.num_layers),
        "gnn_layers": json.dumps(case.gnn_layers),
        "num_heads": json.dumps(case.options()["num_heads"]),
        "strategy": case.strategy or ("file" if case.hyperedges_file else "none"),
        "weighting": case.weighting,
        "weight_param": case.weight_param,
        "weight_source": case.weight_source,
        "learnable": json.dumps(case.learnable),
        "activation": case.activation,
        "residual": json.dumps(case.residual),
        "hyperedges": json.dumps(case.hyperedges()),
    }


def draw_model(case: ModelCase, generator: torch.Generator) -> LanguageModel:
    model = LanguageModel(ModelConfig(**case.options())).double()
    draw_parameters(model, case.hyperedge_values, generator)
    return model


def parameters_named(prefix: str, model: LanguageModel, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        prefix + name: parameter.detach().to(dtype, copy=True)
        for name, parameter in model.named_parameters()
    }


def model_golden(case: ModelCase) -> Golden:
    generator = generator_for(case.name)
    model = draw_model(case, generator)
    batch = draw_batch(generator)
    logits = model(batch.tokens)
    loss = next_token_loss(logits, batch.tokens, batch.lengths)
    loss.backward()
    tensors = parameters_named("param.", model, torch.float32) | {
        "grad." + name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    tensors["tokens"] = batch.tokens
    tensors["lengths"] = torch.tensor(batch.lengths)
    tensors["logits"] = logits.detach()
    tensors["loss"] = loss.detach()
    return tensors, {"kind": "model"} | model_metadata(case)


def hypergraph_golden(case: HypergraphCase) -> Golden:
    generator = generator_for(case.name)
    width, edges = 4, len(case.hyperedges)
    config = ModelConfig(
        vocab_size=1,
        embed_dim=width,
        num_heads=1,
        num_layers=1,
        max_seq_length=1,
        num_experts=case.num_experts,
        gnn_layers=1,
        coupler_type="HGNN",
        hyperedges=case.hyperedges,
        hyperedge_weighting=case.weighting,
    )
    layer = HgnnLayer(config).double()
    draw_parameters(layer, "positive", generator)
    x = normal([case.num_tokens, case.num_experts, width], generator).requires_grad_()
    weight_shape = [case.num_tokens, edges] if case.per_token else [edges]
    weights = (0.3 + normal(weight_shape, generator).abs()).requires_grad_()
    output = layer(x, weights)
    cotangent = normal(output.shape, generator)
    output.backward(cotangent)
    rows = weights.detach().reshape(-1, edges)
    mixing = [mixing_matrix(case.hyperedges, case.num_experts, row, case.weighting) for row in rows]
    tensors = {
        "x": x.detach(),
        "theta": layer.conv.lin.weight.detach(),
        "bias": layer.conv.bias.detach(),
        "weights": weights.detach(),
        "mixing": torch.stack(mixing) if case.per_token else mixing[0],
        "output": output.detach(),
        "output_cotangent": cotangent,
        "grad.x": x.grad,
        "grad.theta": layer.conv.lin.weight.grad,
        "grad.bias": layer.conv.bias.grad,
        "grad.weights": weights.grad,
    }
    metadata = {
        "kind": "hypergraph_conv",
        "num_experts": json.dumps(case.num_experts),
        "weighting": case.weighting,
        "per_token_weights": json.dumps(case.per_token),
        "hyperedges": json.dumps(case.hyperedges),
    }
    return tensors, metadata


def training_golden(case: TrainingCase) -> Golden:
    generator = generator_for(case.name)
    model = draw_model(case.model, generator)
    tensors = parameters_named("param.", model, torch.float32)
    batches = [draw_batch(generator) for _ in range(case.steps)]
    settings = TrainingSettings(
        learning_rate=case.learning_rate,
        total_steps=case.steps,
        warmup_steps=case.warmup_steps,
        weight_decay=case.weight_decay,
        grad_clip=case.grad_clip,
    )
    records = list(train(model, batches, settings))
    unused = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    tensors |= parameters_named("final.", model, torch.float64)
    tensors["tokens"] = torch.stack([batch.tokens for batch in batches])
    tensors["lengths"] = torch.tensor([batch.lengths for batch in batches])
    for field in ("loss", "learning_rate", "grad_norm"):
        values = [getattr(record, field) for record in records]
        tensors[field] = torch.tensor(values, dtype=torch.float64)
    metadata = {
        "kind": "training",
        "steps": json.dumps(case.steps),
        "base_learning_rate": json.dumps(case.learning_rate),
        "lr_schedule": "cosine",
        "warmup_steps": json.dumps(case.warmup_steps),
        "weight_decay": json.dumps(case.weight_decay),
        "grad_clip": json.dumps(case.grad_clip),
        "unused_parameters": json.dumps(unused),
    }
    return tensors, metadata | model_metadata(case.model)


def all_golden() -> dict[str, Golden]:
    golden = {case.name: model_golden(case) for case in MODEL_CASES}
    golden |= {case.name: hypergraph_golden(case) for case in HYPERGRAPH_CASES}
    golden |= {case.name: training_golden(case) for case in TRAINING_CASES}
    golden |= {case.name: hgt_golden(case, generator_for(case.name)) for case in HGT_CASES}
    return golden


def serialize(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """A safetensors file whose bytes depend on nothing but its content."""
    raw = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    # The library writes the metadata in the random order of a hash map.
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return raw[:8] + text.ljust(size) + raw[8 + size :]


def write_golden(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.safetensors"):
        stale.unlink()
    index = []
    for name, (tensors, metadata) in all_golden().items():
        (folder / f"{name}.safetensors").write_bytes(serialize(tensors, metadata))
        index.append({"file": f"{name}.safetensors"} | metadata)
    lines = ",\n".join("  " + json.dumps(entry) for entry in index)
    (folder / "index.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=GOLDEN, help="folder (default: tests/golden)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    write_golden(arguments.out)
    files = sorted(arguments.out.glob("*.safetensors"))
    total = sum(file.stat().st_size for file in files)
    print(f"{len(files)} files, {total:,} bytes in {arguments.out}")


if __name__ == "__main__":
    main()

"""The one place that knows how hgnn_moe_train is asked for a continuation, and how it answers."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgnn_tools.errors import EXIT_USAGE, UserError

# Keys of the run that would start it again instead of only reading it, write files of its own, or
# check what its training has checked.
NOT_FOR_SAMPLING = (
    "run_name",
    "resume_checkpoint",
    "overwrite",
    "dry_run",
    "dump_token_losses",
    "verify_coupler",
    "profile",
)


@dataclass(frozen=True)
class SamplingRequest:
    binary: Path
    run_config: dict[str, Any]
    data_folder: Path
    weights: Path  # a model.safetensors
    prompt_ids: list[int]
    tokens: int
    temperature: float
    top_k: int
    seed: int
    device: str | None  # None: the run's


def continue_ids(request: SamplingRequest) -> list[int]:
    """Runs the program and returns the ids that follow the prompt."""
    if not request.binary.is_file():
        raise UserError(
            f"the program {request.binary} does not exist; build it with cmake --preset release &&"
            " cmake --build --preset release, or name it with --binary",
            EXIT_USAGE,
        )
    with tempfile.TemporaryDirectory(prefix="hgnn_moe_sample-") as folder:
        config_path = Path(folder) / "sample.json"
        config_path.write_text(json.dumps(sampling_config(request, Path(folder))), encoding="utf-8")
        result = subprocess.run(
            [str(request.binary), "--config", str(config_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode != 0:
        reason = result.stderr.strip() or f"no message, exit code {result.returncode}"
        # A negative code is the signal that ended the program.
        code = result.returncode if result.returncode > 0 else 128 - result.returncode
        raise UserError(f"{request.binary.name} failed: {reason}", code)
    return parse_answer(result.stdout, request)


def sampling_config(request: SamplingRequest, folder: Path) -> dict[str, Any]:
    """The run's configuration turned into one evaluation of one sample that then samples."""
    config = {
        key: value
        for key, value in request.run_config.items()
        if key not in NOT_FOR_SAMPLING and value not in (None, "")  # those were not set
    }
    if config.get("hyperedges_file"):
        # A file and a strategy contradict each other once both are written down.
        config.pop("static_hyperedge_strategy", None)
    config.update(
        checkpoint_dir=str(folder),
        dataset_name=str(request.data_folder.resolve()),
        init_from=str(request.weights.resolve()),
        eval_only=True,
        num_eval_samples=64,
        quiet=True,
        sample_ids=",".join(map(str, request.prompt_ids)),
        sample_tokens=request.tokens,
        temperature=request.temperature,
        top_k=request.top_k,
        seed=request.seed,
    )
    if request.device is not None:
        config["device"] = request.device
    return config


def parse_answer(output: str, request: SamplingRequest) -> list[int]:
    """The last line is {"sample_ids": [...], "continuation_ids": [...]}."""
    lines = output.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
        return [int(token) for token in answer["continuation_ids"]]
    except (IndexError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{request.binary.name} printed no continuation; check that --binary"
            f" {request.binary} is hgnn_moe_train of this version",
            EXIT_USAGE,
        ) from None

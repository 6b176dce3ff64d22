"""Options that change no result, only where and how something is computed and what is written.

How often a run evaluates is none of them: its best loss is the lowest of its evaluations. Those of
kWithoutEffect in src/sweep/row_identity.cpp are among them, as a test holds.
"""

from typing import TYPE_CHECKING, Any

from hgnn_tools.reporting.kept_places import PLACES

if TYPE_CHECKING:
    from hgnn_tools.reporting.sweep_folder import Row

WITHOUT_EFFECT = (
    *PLACES,
    "seed",
    "match_parameters",  # what it chose stands in the options themselves
    "resume_checkpoint",
    "overwrite",
    "quiet",
    "dry_run",
    "device",
    "threads",
    "deterministic",
    "num_workers_dataloader",
    "save_every",
    "keep_checkpoints",
    "profile",
    "expert_path",
    "coupler_path",
    "coupler_chunk",
    "verify_coupler",
    "activation_checkpointing",
    "cuda_graphs",
    "dump_token_losses",
    # Of what is written when a run is sampled from.
    "sample_tokens",
    "temperature",
    "top_k",
)


def options_with_effect(row: "Row") -> dict[str, Any]:
    """Those that change a result and that the sweep did not choose for this run alone."""
    without = {*WITHOUT_EFFECT, *row.chosen}
    return {key: value for key, value in row.options.items() if key not in without}

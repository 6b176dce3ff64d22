"""The one place that knows how hgt_embed is asked for embeddings and pairs of a run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from hgnn_tools.errors import EXIT_USAGE, UserError


@dataclass(frozen=True)
class EmbedRequest:
    """None stands for the program's default."""

    binary: Path
    run: Path
    relation: str
    negatives: int | None = None
    negative_kind: str | None = None
    negatives_seed: int | None = None
    graph: Path | None = None


def write_embeddings_and_pairs(
    request: EmbedRequest, folder: Path
) -> tuple[list[str], Path, Path]:
    """What the program said, and the files of embeddings and pairs that it wrote in `folder`."""
    if not request.binary.is_file():
        raise UserError(
            f"the program {request.binary} does not exist; build it with cmake --preset release &&"
            " cmake --build --preset release, or name it with --binary",
            EXIT_USAGE,
        )
    embeddings, pairs = folder / "embeddings.safetensors", folder / "pairs.csv"
    command = [
        str(request.binary),
        "embed",
        f"--run={request.run}",
        f"--relation={request.relation}",
        f"--out={embeddings}",
        f"--pairs={pairs}",
    ]
    for name in ("negatives", "negative_kind", "negatives_seed", "graph"):
        value = getattr(request, name)
        if value is not None:
            command.append(f"--{name}={value}")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = _message(result.stderr) or f"no message, exit code {result.returncode}"
        # A negative code is the signal that ended the program.
        code = result.returncode if result.returncode > 0 else 128 - result.returncode
        raise UserError(f"{request.binary.name} failed: {reason}", code)
    return result.stderr.splitlines(), embeddings, pairs


def _message(log: str) -> str:
    """The error at the end of the program's log, which may have several lines, as one."""
    _, _, message = f"\n{log}".rpartition("\nhgt_embed: ")
    return "; ".join(message.split("\n")).strip("; ")

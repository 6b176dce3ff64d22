"""The first steps of one peer in a process of its own, for its start and its peak memory.

python -m step.peer_process JSON, where JSON is what `PeerRequest` holds; prints JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
import json
from pathlib import Path
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from step.case import DROPOUT, Case

if TYPE_CHECKING:
    import torch

# The second step has the optimizer's moments beside the activations: the peak is there.
STEPS = 2


@dataclass(frozen=True)
class PeerRequest:
    case: dict[str, Any]
    peer: str
    precision: str
    weights: str
    data: str
    device: str
    threads: int
    steps: int


def measure(request: PeerRequest) -> dict[str, float]:
    """`first_step_s` from the start of the process to the end of its first step, what Python
    imports included, and `peak_bytes`: VmHWM, on a GPU what PyTorch's allocator held there, as the
    program's own peak is."""
    command = [sys.executable, "-m", "step.peer_process", json.dumps(asdict(request))]
    start = time.time()
    folder = Path(__file__).resolve().parents[1]
    output = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(output.stdout)
    return {
        "first_step_s": round(answer["first_step_end"] - start, 2),
        "peak_bytes": answer["peak_bytes"],
    }


def answer(request: PeerRequest) -> dict[str, Any]:
    """In the child: imports torch only here, as its start is what is measured."""
    import torch

    from step.data import read_batches
    from step.training import Training

    torch.set_num_threads(request.threads)
    device = torch.device(request.device)
    if device.type == "cuda":
        torch.set_default_device(device)
    case = Case(**request.case)
    batches = read_batches(Path(request.data), case, device)
    training = Training(case, Path(request.weights), device)
    loss_of = training.loss_function(request.peer, DROPOUT)
    for step in range(request.steps):
        training.step(loss_of, batches[step % len(batches)], request.precision)
        if step == 0:
            first_step_end = time.time()
    return {"first_step_end": first_step_end, "peak_bytes": peak_of_this_process(device)}


def peak_of_this_process(device: torch.device) -> int:
    """As the program's own summary counts: on a GPU with what the allocator keeps for later."""
    import torch

    from step.program import peak_bytes

    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return peak_bytes("self")


if __name__ == "__main__":
    print(json.dumps(answer(PeerRequest(**json.loads(sys.argv[1])))))

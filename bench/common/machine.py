"""What stands beside the numbers: the machine, the versions, the commit."""

from __future__ import annotations

import os
from pathlib import Path
import platform
import re
import subprocess
from typing import Any

import torch
import torch_geometric

_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")


def _cpu_info() -> dict[str, str]:
    """The first processor of /proc/cpuinfo; empty where there is no such file."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def describe(device: torch.device) -> dict[str, Any]:
    """`device` names what the numbers belong to; sizes in GiB."""
    info = _cpu_info()
    cpu = info.get("model name") or platform.processor() or platform.machine()
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name, memory = properties.name, properties.total_memory
    else:
        name, memory = cpu, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    flags = info.get("flags", "").split()
    return {
        "kind": "gpu" if device.type == "cuda" else "cpu",
        "device": name,
        "memory_gib": round(memory / 2**30, 1),
        "cpu": cpu,
        "cpu_family_model_stepping": [
            info.get(key, "") for key in ("cpu family", "model", "stepping")
        ],
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "last_cache": info.get("cache size", ""),
        "instruction_sets": [name for name in _INSTRUCTION_SETS if name in flags],
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "cuda": torch.version.cuda or "",
        "compiler": _first_line(["c++", "--version"]),
        "kernel": platform.release(),
    }


def commit(repository: Path) -> str:
    """The commit, with -dirty where files differ from it."""
    return _first_line(["git", "-C", str(repository), "describe", "--always", "--dirty"])


def slug(name: str) -> str:
    """A device's name as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _first_line(command: list[str]) -> str:
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return output.partition("\n")[0]

"""Copies of a tensor's bytes, the other limit beside matrix products."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
import ctypes

import torch
from torch import Tensor

from common.timing import Call

SMALLEST_SHARED = 1 << 20  # bytes; handing a share of fewer to a thread costs more than it saves


def copy_of(source: Tensor) -> Call:
    """One read and one write of the tensor's bytes, into a tensor that exists: the C library's
    memcpy, a share for each thread. PyTorch's own copy reads the target first in some processes and
    then takes half as long again."""
    source = source.detach()
    target = torch.empty_like(source).copy_(source)
    if source.is_cuda:
        return lambda: target.copy_(source)
    memcpy = ctypes.CDLL(None).memcpy
    memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    memcpy.restype = ctypes.c_void_p
    threads = torch.get_num_threads() if source.nbytes >= SMALLEST_SHARED else 1
    share = -(-source.nbytes // threads)
    pool = ThreadPoolExecutor(threads)

    def run() -> None:
        # The addresses are taken here, so that both tensors live as long as this function.
        to, origin = target.data_ptr(), source.data_ptr()
        shares = [
            (to + first, origin + first, min(share, source.nbytes - first))
            for first in range(0, source.nbytes, share)
        ]
        others = [pool.submit(memcpy, *one) for one in shares[1:]]
        memcpy(*shares[0])
        for other in others:
            other.result()

    return run

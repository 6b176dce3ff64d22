"""Imported first by every test here: skips the test where the reference cannot run."""

import unittest

try:
    import safetensors.torch  # noqa: F401
    import torch
    import torch_geometric  # noqa: F401
except (ImportError, OSError) as error:
    # OSError: the small environment's torch lacks the CUDA libraries that Python's import loads.
    raise unittest.SkipTest(
        f"the reference needs torch, torch_geometric and safetensors ({error}); "
        "scripts/bootstrap.sh --oracle installs them"
    ) from error

torch.set_num_threads(1)

"""scripts/bench.sh step: the whole training step of the program against PyTorch and PyG."""

"""What the benchmarks of the couplers and of the whole training step share."""

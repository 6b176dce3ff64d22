"""scripts/bench.sh coupler: whole couplers and bare operations against their peers."""

"""What a single run learned: the parts of analyze_run.py."""

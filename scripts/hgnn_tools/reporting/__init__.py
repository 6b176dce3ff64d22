"""The report of a sweep: what report.py and compare_runs.py share."""

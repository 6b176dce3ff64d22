"""What a reader should know of a sweep before any figure."""

from collections.abc import Iterator

from hgnn_tools.reporting.sweep_folder import Sweep
from hgnn_tools.wording import plural

MOST_NOTES = 3


def warnings_on(sweep: Sweep) -> Iterator[str]:
    """What a reader should know before anything else."""
    if sweep.synthetic_rows:
        yield (
            f"SYNTHETIC DATA: {sweep.synthetic_rows} of {plural(len(sweep.rows), 'run')} were"
            " trained on generated tokens. Their losses are no result on real text."
        )
    unknown = sum(row.is_done and row.data_mode == "unknown" for row in sweep.rows)
    if unknown:
        yield (
            f"Whether the data were real or generated nothing tells of {unknown} of"
            f" {plural(len(sweep.rows), 'run')}: config.json is missing, that of their folders or"
            " that which --keep writes beside sweep.json."
        )
    if sweep.is_unfinished:
        open_rows = [
            f"{number} {status}"
            for status in ("running", "stopped", "pending")
            if (number := sweep.count(status))
        ]
        yield (
            f"The sweep is not finished: of {plural(len(sweep.rows), 'run')}"
            f" {', '.join(open_rows)}. Means, intervals and pictures are of the"
            f" {sweep.count('done')} that are done; the table of all runs has what the others came"
            " to, too."
        )
    commits = sorted({row.commit for row in sweep.rows if row.is_done and row.commit})
    if len(commits) > 1:
        yield (
            f"The runs come from {len(commits)} versions of the program"
            f" ({', '.join(commits)}), which may differ in what they compute."
        )
    matched = sum(bool(row.chosen) for row in sweep.rows)
    if matched and not sweep.has_times:
        yield (
            f"match_time chose the length of {plural(matched, 'run')} from measured times, which"
            " mean nothing here: what these runs say of equal time means nothing either."
        )
    if sweep.notes:
        told = "; ".join(sweep.notes[:MOST_NOTES])
        more = len(sweep.notes) - MOST_NOTES
        yield f"Files of runs: {told}" + (f"; and {more} more." if more > 0 else ".")

"""The pictures in a run's folder: each is drawn, or it is said why not."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hgnn_tools.run_folder import Run

# By the file's name: why a run has no such picture (None where it has), and what draws it.
Pictures = Mapping[str, tuple[Callable[[Run], str | None], Callable[[Run, Path], None]]]


def draw_pictures(run: Run, pictures: Pictures) -> Iterator[str]:
    """Into RUN/plots; a line for each."""
    for name, (reason_for_none, draw) in pictures.items():
        path = run.folder / "plots" / name
        reason = reason_for_none(run)
        if reason is None:
            draw(run, path)
        yield said(path, reason)


def said(path: Path, reason: str | None) -> str:
    """The picture, or why there is none. One of an earlier run in this folder would mislead."""
    if reason is None:
        return str(path)
    path.unlink(missing_ok=True)
    return f"no {path.name}: {reason}"

"""Errors a user can act on, and the one place that turns them into exit codes."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

# The same codes as the programs: docs/usage.md lists them for users.
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_CHECKPOINT = 4
EXIT_DISK = 7
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """One sentence that names the thing, its value and what to do, with an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run_script(main: Callable[[], None]) -> int:
    """Runs `main` and returns the exit code of the process; errors go to standard error."""
    try:
        main()
        return 0
    except UserError as error:
        return _report(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        return _report(
            f"the Python package {error.name} is not installed for {sys.executable}; run"
            " scripts/bootstrap.sh, then use the Python that scripts/bootstrap.sh --print-python"
            " names",
            EXIT_USAGE,
        )
    except OSError as error:
        # Input errors were turned into a UserError where the input was read.
        what = f"cannot write {error.filename}" if error.filename else "cannot write the output"
        reason = errno.errorcode.get(error.errno or 0, "unknown")
        return _report(
            f"{what}: {error.strerror or error} ({reason}); free space there or choose another"
            " folder",
            EXIT_DISK,
        )
    except KeyboardInterrupt:
        return _report("interrupted", EXIT_INTERRUPTED)


def _report(message: str, exit_code: int) -> int:
    print(f"{Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
    return exit_code

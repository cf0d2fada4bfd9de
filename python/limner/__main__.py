"""python -m limner: the limner command."""

from __future__ import annotations

import signal
import sys

from limner._limner import command


def main() -> int:
    """The command with the words of this process. Returns its exit status."""
    # As programs of C have them: Ctrl-C and a closed pipe end it at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.flush()
    return command(["limner", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

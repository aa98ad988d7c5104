"""The program `tollway`: hands the command line the office that does what it says."""

import sys

from tollway.cli.program import run
from tollway.office import Office


def main() -> int:
    """Run one command; returns the exit status."""
    return run(sys.argv[1:], Office())


if __name__ == "__main__":
    sys.exit(main())

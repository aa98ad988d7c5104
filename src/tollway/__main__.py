"""The program `tollway`: hands the command line the office that does what it says."""

import gc
import importlib
import sys


def main() -> int:
    """Run one command; returns the exit status."""
    # What imports make stays: looking through it for garbage, again and again, took a tenth of a command's time. The
    # office has garbage looked for from where its work begins; a command without work for it is over before there is any.
    gc.disable()
    program = importlib.import_module("tollway.cli.program")
    office = importlib.import_module("tollway.office")
    return program.run(sys.argv[1:], office.Office())


if __name__ == "__main__":
    sys.exit(main())

"""Amazon's own library, which says what is right about signatures and event streams. It lives apart from what we run.

It wants an older `dateutil` than ours, so its folder stands last in the path: what both have is ours.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix, "compat", "boto3")


def botocore(name: str) -> Any:
    """Return a module of botocore's."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return import_module(f"botocore.{name}")

"""When a commit counts as done, on every database. A word, and nothing else."""

from typing import Literal

Durability = Literal["full", "normal"]
"""`full` waits for the disk at every commit, but those of SQLite that only say what has begun; `normal` survives a killed
process, but not a power cut."""

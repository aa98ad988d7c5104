"""What a collection of garbage looks through while many streams begin: it keeps the event loop for as long as that takes."""

import json
import subprocess
import sys

OBJECTS_MAX = 20_100
"""0.2 µs each: 4 ms. A hundred are allocated by the collector's own callback and by what is noted."""

WATCHED = """
import gc, json
from tollway.app import calm_garbage_collection

calm_garbage_collection()
looked_through = []


def watch(phase, info):
    if phase == "start":
        looked_through.append(sum(len(gc.get_objects(generation)) for generation in range(info["generation"] + 1)))


gc.callbacks.append(watch)
streams = [[] for _ in range(700_000)]  # as many containers as 8,400 open streams have
gc.callbacks.clear()
print(json.dumps(looked_through))
"""


def test_no_collection_looks_through_more_than_the_loop_may_be_kept_for() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True, timeout=60)
    looked_through = json.loads(done.stdout)
    assert len(looked_through) > 10
    assert max(looked_through) <= OBJECTS_MAX, looked_through

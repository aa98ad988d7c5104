"""The local model's own process: serves the weights over the OpenAI routes on a loopback port, and ends when its parent does.

Run as `python -m tollway.local_model.server --port PORT`. It prints one JSON line when it answers requests, and holds the
read end of a pipe as its standard input: the end of that file is the end of the process, however the parent ended.
"""

import argparse
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

import xllamacpp

from tollway.local_model.weights import CONTEXT_TOKENS, EMBEDDING_TOKENS_MAX, MODEL_ID, find_weights

LOOPBACK = "127.0.0.1"

SLOTS = 4
"""Requests that are answered at the same time; more of them wait in the engine's queue."""

CONNECTIONS_MAX = 64
"""The engine keeps a thread for each open connection; an idle one of the gateway's pool must not shut others out."""

THREADS_MAX = 4
"""Beyond this the model is too small to gain from more."""

NICENESS = 5
"""The gateway goes first when both want the processor."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal to get when the parent ends. Covers the moments in which standard input is not being read."""

EXIT_NO_WEIGHTS = 3


def die_with_parent() -> None:
    """Ask the kernel, where it can, to end this process with its parent; the end of standard input does so everywhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def threads() -> int:
    """Return how many threads compute: half the processors, so that the gateway beside it keeps the rest."""
    return max(1, min(THREADS_MAX, (os.cpu_count() or 1) // 2))


def parameters(*, weights: Path, port: int) -> xllamacpp.CommonParams:
    """Return the engine's settings for chat and embeddings from the same weights."""
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL_ID}
    params.hostnames = [LOOPBACK]
    params.port = port
    # The supervisor keeps the port bound across restarts, so that nobody else can take it.
    params.reuse_port = True
    # No web page is to reach the model around the gateway.
    params.cors_origins = ""
    params.ui = False
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT_TOKENS * SLOTS
    params.n_batch = params.n_ubatch = EMBEDDING_TOKENS_MAX
    # Half the memory of the default, at the same speed.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.cache_ram_mib = 0
    params.n_threads_http = CONNECTIONS_MAX
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.warmup = False
    params.verbosity = 1
    return params


def main() -> None:
    """Serve until standard input ends."""
    arguments = argparse.ArgumentParser(prog="tollway.local_model.server", description=__doc__)
    arguments.add_argument("--port", type=int, required=True, help=f"the port to listen on, at {LOOPBACK}")
    port = arguments.parse_args().port

    die_with_parent()
    # Ctrl-C reaches every process of the terminal; this one ends when its parent has finished with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    # What the engine prints must never mix with the one line that the parent reads.
    ready_line = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    weights = find_weights()
    if weights is None:
        sys.exit(EXIT_NO_WEIGHTS)
    server = xllamacpp.Server(parameters(weights=weights, port=port))
    with ready_line:
        json.dump({"url": server.listening_address, "model": MODEL_ID}, ready_line)
        ready_line.write("\n")

    while os.read(sys.stdin.fileno(), 1024):
        pass
    # An orderly end would wait for answers that nobody reads any more.
    os._exit(0)


if __name__ == "__main__":
    main()

# The few names of the engine that Tollway uses; the wheel carries no types.

from enum import IntEnum

class ggml_type(IntEnum):
    GGML_TYPE_Q8_0 = 8

class llama_pooling_type(IntEnum):
    LLAMA_POOLING_TYPE_MEAN = 1

class CpuParams:
    n_threads: int

class CommonParamsModel:
    path: str

class CommonParams:
    model: CommonParamsModel
    model_alias: set[str]
    hostnames: list[str]
    port: int
    reuse_port: bool
    cors_origins: str
    ui: bool
    n_parallel: int
    n_ctx: int
    n_batch: int
    n_ubatch: int
    cache_type_k: ggml_type
    cache_type_v: ggml_type
    cache_ram_mib: int
    n_threads_http: int
    cpuparams: CpuParams
    cpuparams_batch: CpuParams
    embedding: bool
    pooling_type: llama_pooling_type
    warmup: bool
    verbosity: int

class Server:
    def __init__(self, params: CommonParams) -> None: ...
    @property
    def listening_address(self) -> str: ...

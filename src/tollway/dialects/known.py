"""Every dialect that Tollway speaks, by its name: the only module that knows them all."""

from collections.abc import Mapping

from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.record import Dialect

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI_CHAT,)}

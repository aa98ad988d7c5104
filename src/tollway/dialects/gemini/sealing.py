"""Seals as a Gemini client keeps them: `thoughtSignature` is bytes in base64 there, so a mark hides in base64 as well."""

import base64
import binascii

from tollway.neutral import seals
from tollway.neutral.parts import Sealed

_MARK = seals.MARK_BASE64
UNSEALED = base64.b64encode(seals.UNSEALED.encode()).decode()
"""The same as in the neutral form, in base64."""

_STANDARD = str.maketrans("-_", "+/")


def written(sealed: Sealed) -> str:
    """Return a seal for a client of this dialect."""
    return base64.b64encode(seals.marked(sealed).encode()).decode()


def read(signature: str) -> Sealed | None:
    """Return the seal that a client sends back, None where nobody made one; some spell base64 in the alphabet for addresses."""
    if not signature.startswith(_MARK):
        return seals.unmarked(signature, whole=False)
    plain = signature.translate(_STANDARD)
    try:
        text = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return seals.unmarked(signature, whole=False)
    return None if text == seals.UNSEALED else seals.unmarked(text, whole=False)

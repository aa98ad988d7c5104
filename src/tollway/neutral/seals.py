"""Marks on seals: a client of another dialect keeps them for the provider that issued them, and for no other. Pure.

A signature of reasoning, or reasoning that is encrypted, is worth something to its issuer alone; another provider
answers 400 to it. So what crosses to another dialect carries its issuer's name with it, and comes back with it.
"""

import base64

from tollway.neutral.parts import Sealed

MARK = "tollway-seal~1."
"""What a marked seal begins with. Its bytes in a body say that seals must be looked at, whatever the dialects."""

MARK_BYTES = MARK.encode("ascii")

MARK_BASE64 = base64.b64encode(MARK_BYTES).decode("ascii")
"""What a marked seal begins with where a dialect's seals are bytes in base64: the mark is 15 bytes long, which end
where a group of four letters ends. In a body it says what MARK_BYTES says."""

_DOT = ":"
"""What stands for a dot in the name of a provider, which may have dots and no colons."""

UNSEALED = f"{MARK}.sign."
"""What stands where a dialect wants a seal and nobody made one: a mark without issuer and data.

Providers that seal answer 400 to history without their seal: this mark says that such history came from elsewhere, and
must not simply pass to them.
"""

_MARK_BASE64_BYTES = MARK_BASE64.encode("ascii")


def is_marked(body: bytes) -> bool:
    """Tell whether a request may hold seals that came from another dialect, so that its bytes must not simply pass.

    Asked of every request: the one rare letter of the mark is looked for first, in a twentieth of the time.
    """
    return 0x7E in body and MARK_BYTES in body


def is_marked_in_base64(body: bytes) -> bool:
    """Tell the same of a dialect whose seals are bytes in base64."""
    return is_marked(body) or _MARK_BASE64_BYTES in body


def marked(sealed: Sealed) -> str:
    """Return a seal as a client of another dialect gets it: `tollway-seal~1.ISSUER.KIND.DATA`."""
    issuer = (sealed.issuer or "").replace(".", _DOT)
    return f"{MARK}{issuer}.{'whole' if sealed.whole else 'sign'}.{sealed.data}"


def unmarked(text: str, *, whole: bool) -> Sealed:
    """Return the seal that a client sends back; without a mark nobody knows its issuer, and `whole` is what it is."""
    if not text.startswith(MARK):
        return Sealed(data=text, whole=whole)
    issuer, _, rest = text[len(MARK) :].partition(".")
    kind, _, data = rest.partition(".")
    return Sealed(data=data, issuer=issuer.replace(_DOT, ".") or None, whole=kind == "whole")

"""What one exchange tells in the head of its reply: what was done otherwise than asked, and who answered.

Decides strict mode; no I/O.
"""

from tollway.access.principal import Unsupported
from tollway.catalog.records import Target
from tollway.errors import Refusal
from tollway.relay.admit import Admitted
from tollway.relay.ports import ReplyHeads


class Notices:
    """Gathers what is to be told."""

    def __init__(self, admitted: Admitted) -> None:
        """Begin with what admission did."""
        self._admitted = admitted
        self._dropped: tuple[str, ...] = ()
        self.text = admitted.warning
        """All of it; empty when nothing was done otherwise."""

    def lines(self, heads: ReplyHeads, target: Target | None, attempts: int) -> bytes:
        """Return the header lines that tell all of it; `target` is the one that answers, and the last of `attempts`."""
        lines = heads.warning(self.text) if self.text else b""
        if target is None:
            return lines
        lines += heads.served(target.provider.name, target.model_routed, attempts)
        steered = self._admitted.steered
        if steered.chosen and (model := self._admitted.need.of(target).model_id) in steered.chosen:
            lines += heads.chosen(model, steered.reason)
        return lines

    def add(self, notice: str) -> None:
        """Tell one thing more."""
        self.text = f"{self.text}; {notice}" if self.text else notice

    def drop(self, names: tuple[str, ...]) -> None:
        """Take what the next attempt leaves out, in the place of what the one before did.

        Raises Refusal for a key that wants nothing left out.
        """
        if not names and not self._dropped:  # nearly always
            return
        self._dropped = names
        admitted = self._admitted
        if names and admitted.principal.unsupported is Unsupported.REFUSED:
            raise Refusal(
                "invalid_request",
                f"The model {admitted.peek.model_asked!r} does not support {', '.join(names)}, and this key is strict: "
                "leave it out, or use a key that is not.",
                param=names[0],
            )
        dropped = f"dropped: {', '.join(names)}" if names else ""
        self.text = "; ".join([text for text in (admitted.warning, dropped) if text])

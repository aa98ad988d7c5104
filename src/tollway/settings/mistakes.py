"""Mistakes in what an operator wrote, gathered so that all are reported at once. Knows no setting."""

from tollway.errors import SetupError


class Mistakes:
    """The mistakes found so far, in the order they were found; at most one for each place.

    A place that has a mistake gets no second one, so that no follow-up of a mistake is reported as another.
    """

    __slots__ = ("_by_place", "_source")

    def __init__(self, source: str) -> None:
        """Start with none; `source` is the file that every line will name."""
        self._source = source
        self._by_place: dict[str, str] = {}

    def add(self, place: str, text: str) -> None:
        """Note that what stands at `place` (such as ``[server] port``) is wrong; `text` says how and what to do."""
        self._by_place.setdefault(place, text)

    def lines(self) -> tuple[str, ...]:
        """Return one line for each mistake."""
        return tuple(f"{self._source}: {place}: {text}" for place, text in self._by_place.items())

    def raise_if_any(self) -> None:
        """Raise SetupError with every line, when there is one."""
        if self._by_place:
            raise SetupError(self.lines())

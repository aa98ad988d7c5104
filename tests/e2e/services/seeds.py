"""The snippets of the four services' pages as they are printed; only base URL and key are put in their places."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SNIPPETS = Path(__file__).with_name("snippets")
SEEDS = Path(__file__).parents[4] / "shared" / "seeds"
"""The pages themselves, which stand beside the repository, not in it."""


class Brand(NamedTuple):
    """What a service's pages print."""

    name: str
    url: str
    """Scheme and host of the base URL."""
    key: str
    """What stands where the key is to stand; empty where it comes from the environment."""
    key_variable: str
    """Where a program finds the key; empty where it is printed."""
    key_prefix: str
    header_prefix: str
    currency: str = "USD"

    @property
    def host(self) -> str:
        """Its name where one deployment serves all brands."""
        return f"{self.name}.localhost"


GONKAGATE = Brand("gonkagate", "https://api.gonkagate.com", "YOUR_API_KEY", "GONKAGATE_API_KEY", "gp-", "x-gonkagate")
GOGPU = Brand("gogpu", "https://mass.gogpu.cn", "sk-YOUR_KEY", "", "sk-", "x-gogpu", "CNY")
INGATE = Brand("ingate", "https://api.ingateai.com", "sk-ingate-your-key", "", "sk-ingate-", "x-ingate")
AIGATEWAY = Brand("aigateway", "https://api.aigateway.sh", "sk-aig-...", "AIG_KEY", "sk-aig-", "x-aig")
BRANDS = {brand.name: brand for brand in (GONKAGATE, GOGPU, INGATE, AIGATEWAY)}


class Snippet(NamedTuple):
    """One row of the list of snippets."""

    row: str
    file: str
    brand: Brand
    above: tuple[str, ...] = ()
    """The rows that stand above it on its page, and whose names it uses."""
    given: str = ""
    """What the page forgot, and whoever runs it must add."""

    def printed(self) -> str:
        """Return it as it is printed."""
        return (SNIPPETS / self.file).read_text()

    def at(self, *, url: str, key: str, changes: Mapping[str, str] | None = None) -> str:
        """Return it with a base URL and a key in their places; `changes` are further ones, for what must fail."""
        code = self.printed()
        for old, new in {self.brand.url: url, self.brand.key: key, **(changes or {})}.items():
            code = code.replace(old, new)
        return f"{self.given}{code}"


WHO = """
from types import SimpleNamespace
current_user, session = SimpleNamespace(id="user_of_this_request"), SimpleNamespace(id="sess_of_this_request")
"""

SNIPPETS_BY_ROW: Mapping[str, Snippet] = {
    snippet.row: snippet
    for snippet in (
        Snippet("G1", "g1.py.txt", GONKAGATE),
        Snippet("G2", "g2.py.txt", GONKAGATE),
        Snippet("G3", "g3.ts.txt", GONKAGATE),
        Snippet("O1", "o1.sh.txt", GOGPU),
        Snippet("O2", "o2.sh.txt", GOGPU),
        Snippet("O3", "o3.py.txt", GOGPU),
        Snippet("I1", "i1.py.txt", INGATE),
        Snippet("I2", "i2.py.txt", INGATE, above=("I1",)),
        Snippet("I3", "i3.py.txt", INGATE, above=("I1", "I2")),
        Snippet("I4", "i4.py.txt", INGATE),
        Snippet("I5", "i5.py.txt", INGATE, above=("I4",)),
        Snippet("I6", "i6.py.txt", INGATE, above=("I1",)),
        Snippet("I7", "i7.py.txt", INGATE, above=("I1",)),
        Snippet("I8", "i8.py.txt", INGATE, above=("I1", "I7"), given=WHO),
        Snippet("I9", "i9.py.txt", INGATE),
        Snippet("I10", "i10.py.txt", INGATE),
        Snippet("I11", "i11.py.txt", INGATE),
        Snippet("A1", "a1.py.txt", AIGATEWAY, given="import os\n"),
        Snippet("A2", "a2.http.txt", AIGATEWAY),
    )
}


def without_space(text: str) -> str:
    """Return a text without any: the pages have lost line breaks in places."""
    return re.sub(r"\s", "", text)

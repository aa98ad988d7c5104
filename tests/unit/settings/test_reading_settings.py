"""The settings file: what it may say, and every mistake in it at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tollway.catalog.records import AfterLeave, Timeouts
from tollway.errors import SetupError
from tollway.settings import (
    AfterLeaveChoice,
    BillingSettings,
    BrandSettings,
    Durability,
    LocalModelSettings,
    Secret,
    SecretUse,
    ServerSettings,
    Settings,
    StoreSettings,
    TimeoutSettings,
    built_in_settings,
    load_settings,
)
from tollway.settings.brand import read_brand
from tollway.settings.records import BODY_BYTES_MAX

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "tollway.toml"
        path.write_text(text)
        return path

    return write


def mistakes(path: Path) -> list[str]:
    with pytest.raises(SetupError) as caught:
        load_settings(path)
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in caught.value.mistakes)
    return [line.removeprefix(f"{path}: ") for line in caught.value.mistakes]


def test_an_empty_file_gives_every_default(write: Write) -> None:
    path = write("")
    settings = load_settings(path)
    assert settings.server == ServerSettings(host="127.0.0.1", port=8080, workers=1, body_bytes_max=BODY_BYTES_MAX)
    assert settings.billing == BillingSettings(currency="USD", platform_fee_ppm=0, timezone="UTC")
    assert settings.brand == BrandSettings(preset="tollway")
    assert not settings.local_model.enabled
    assert settings.source == str(path)


def test_every_setting_is_read(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", " canary \n")
    (tmp_path / "ca.pem").touch()
    settings = load_settings(
        write("""
[server]
host = "0.0.0.0"
port = 0
workers = 2
body_bytes_max = 2048
trusted_proxies = ["10.0.0.0/8", "::1"]
shutdown_grace_s = 5
[store]
url = "sqlite:////books/t.db"
durability = "normal"
[shared]
redis_url = ""
[brand]
preset = "tollway"
name = "Ours"
key_prefix = "our-"
header_prefix = "x-our"
[billing]
currency = "USD"
platform_fee = "5.5%"
timezone = "UTC"
[local_model]
enabled = true
port = 9000
[[providers]]
name = "acme"
preset = "any"
base_url = "http://127.0.0.1/v1"
api_key = "env:ACME_KEY"
timeouts = { connect_s = 1, first_byte_s = 2.5, idle_s = 3, total_s = 4 }
after_leave = "drain"
ca_file = "ca.pem"
[[models]]
id = "m"
targets = [{ provider = "acme", model = "a", weight = 3 }, { provider = "local", model = "b", weight = 0 }]
price = { input = "0.15", output = 1, cached_input = "0", reasoning = "2", audio_input = "3", audio_output = "4" }
context_tokens = 1000
output_tokens_max = 100
capabilities = ["chat", "tools"]
""")
    )
    assert settings.server == ServerSettings(
        host="0.0.0.0",
        port=0,
        workers=2,
        body_bytes_max=2048,
        trusted_proxies=("10.0.0.0/8", "::1/128"),
        shutdown_grace_s=5,
    )
    assert settings.store == StoreSettings(url="sqlite:////books/t.db", durability=Durability.NORMAL)
    assert settings.billing.platform_fee_ppm == 55_000
    (acme,) = settings.providers
    assert acme.api_key == Secret("canary")
    assert acme.timeouts == TimeoutSettings(connect_s=1, first_byte_s=2.5, idle_s=3, total_s=4)
    assert acme.after_leave is AfterLeaveChoice.DRAIN
    assert acme.ca_file == str(tmp_path / "ca.pem")
    (model,) = settings.models
    (price,) = model.prices
    assert (price.input, price.output, price.cached_input) == (150_000_000, 1_000_000_000, 0)
    assert [target.weight for target in model.targets] == [3, 0]
    assert "canary" not in repr(settings)


def test_every_mistake_is_reported_at_once_with_its_place(write: Write) -> None:
    found = mistakes(
        write("""
[server]
prot = 1
port = 65536
workers = true
host = ""
[sever]
[store]
durability = "ful"
[billing]
platform_fee = 10
[[providers]]
name = "a b"
preset = "x"
[[providers]]
api_key = 7
base_url = 1
after_leave = "flee"
timeouts = { connect_s = 0, total = 1 }
[[models]]
id = "m"
targets = [{ provider = "nope", model = "x" }, { model = "*", weight = -1 }, 5]
price = { input = 0.15, cached_input = "-1" }
context_tokens = 0
capabilities = ["chat", "telepathy"]
[[models]]
id = "n"
targets = []
""")
    )
    places = [line.split(": ")[:-1] for line in found]
    assert len(found) == len({tuple(place) for place in places}) == 26
    text = "\n".join(found)
    for said in (
        "[server]: prot: is not a setting; did you mean port?",
        "[server]: port: must be a whole number <= 65535",
        "[server]: workers: must be a whole number, not true or false",
        "[sever]: is not a setting; did you mean [server]?",
        '[store]: durability: must be one of "full", "normal"',
        '[[providers]] 1 (name "a b"): name: must be 1 to 64 letters',
        "[[providers]] 2: name: is missing",
        "[[providers]] 2: timeouts: total: is not a setting; did you mean total_s?",
        '[[models]] 1 (id "m"): targets 1: provider: no provider is named "nope"',
        '[[models]] 1 (id "m"): targets 2: provider: is missing',
        '[[models]] 1 (id "m"): targets 3: must be a table',
        '[[models]] 1 (id "m"): price: input: must be written as text: "0.15"',
        '[[models]] 1 (id "m"): price: output: is missing',
        '[[models]] 2 (id "n"): targets: needs at least one',
    ):
        assert said in text


@pytest.mark.parametrize(
    ("text", "line"),
    [("[server]\nport = \n", "line 2"), ("a", "the end"), ('x = "\n', "line 1"), ("[a]\n[a]\n", "line 2")],
)
def test_what_is_not_toml_is_said_with_its_line(write: Write, text: str, line: str) -> None:
    (said,) = mistakes(write(text))
    assert said.startswith(f"{line}: is not TOML: ") or "end of document" in said


def test_a_file_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\n\nx = '\xff'")
    assert "No such file" in mistakes(tmp_path / "nope")[0]
    assert "line 3: is not UTF-8" in mistakes(tmp_path / "latin")[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[store]\nurl = "postgresql+psycopg://x/y"', "[store]: url: must begin with postgresql://, without the name"),
        ('[store]\nurl = "mysql://x"', '[store]: url: must be "sqlite:///'),
        ('[store]\nurl = "sqlite:///"', '[store]: url: must be "sqlite:///'),
        ("[store]\nurl = 5", '[store]: url: must be text such as "sqlite:///'),
        (
            '[store]\nurl = "env:TOLLWAY_NO_SUCH_URL"',
            "[store]: url: the environment variable TOLLWAY_NO_SUCH_URL is not set",
        ),
        ('[store]\nurl = "sqlite:///:memory:"', "[store]: url: must name a file"),
        ("[limits]\nkey = { rpm = 0 }", "[limits]: key: rpm: must be"),
        ("[limits]\nkeys = { rpm = 5 }", "[limits]: keys: is not a setting; did you mean key?"),
        (
            '[shared]\nredis_url = "redis://x"',
            "[shared]: redis_url: limits of rates, which hosts count together by it, come with a later version",
        ),
        ('[brand]\npreset = "other"', "[brand]: preset: "),
        ('[billing]\ncurrency = "EUR"', "[billing]: currency: must be one of USD, CNY, not 'EUR'"),
        ("[billing]\ntimezone = 8", "[billing]: timezone: must be the name of a timezone such as"),
        ('[billing]\ntimezone = "Europe"', "[billing]: timezone: must be the name of a timezone such as"),
        ('[billing]\ntimezone = "/etc/localtime"', "[billing]: timezone: must be the name of a timezone such as"),
        ("[server]\nshutdown_grace_s = nan", "[server]: shutdown_grace_s: must be a number"),
        ("server = 5", "[server]: must be a table with host"),
        ("providers = 5", "[[providers]]: must be a list of tables"),
        ('[server]\ntrusted_proxies = "x"', "[server]: trusted_proxies: must be a list of addresses"),
        ('[server]\ntrusted_proxies = ["x"]', "[server]: trusted_proxies: 'x' is not an address"),
        ('[brand]\nkey_prefix = "1"', "[brand]: key_prefix: must be 1 to 16"),
        ('[brand]\nheader_prefix = "X-A"', "[brand]: header_prefix: must be a header name"),
        ('[billing]\nplatform_fee = "ten"', "[billing]: platform_fee: 'ten' is not a rate"),
        ('[billing]\nplatform_fee = "1001%"', "[billing]: platform_fee: must be at most 1000%"),
        ("5 = 1", "[5]: is not a setting; known here: [server]"),
    ],
)
def test_one_mistake_is_one_line(write: Write, text: str, place: str) -> None:
    (said,) = mistakes(write(text))
    assert said.startswith(place)


def test_caps_may_be_counted_in_any_timezone(write: Write) -> None:
    assert load_settings(write('[billing]\ntimezone = "Asia/Shanghai"')).billing.timezone == "Asia/Shanghai"


@pytest.mark.parametrize(("wrong", "close"), [("Asia/Shangai", "Asia/Shanghai"), ("utc", "UTC")])
def test_a_timezone_that_does_not_exist_is_told_the_close_ones(write: Write, wrong: str, close: str) -> None:
    (said,) = mistakes(write(f'[billing]\ntimezone = "{wrong}"'))
    assert said.startswith("[billing]: timezone: must be the name of a timezone")
    assert close in said.partition("did you mean ")[2]


PROVIDER = '[[providers]]\nname = "a"\npreset = "p"\n'


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ('input = "1", output = true', "output: must be a decimal amount as text"),
        ('input = "1", output = [1]', "not a list"),
        ('input = "1", output = {}', "not a table"),
        ('input = "1", output = 1979-05-27', "not a date or time"),
        ('input = "1e3x", output = 1', "is not a decimal amount"),
        ('input = "0.0000000001", output = 1', "finer than a nano-unit"),
        ('input = "10000.01", output = 1', "must be at most 10000 per million tokens: nothing known costs half"),
        ('input = "0.00000015", output = 1', "must be 0 or at least 0.0001 per million tokens: this looks like the"),
        ("input = -1, output = 1", "must not be negative"),
    ],
)
def test_lesson_41_a_price_is_exact_and_of_a_million_tokens_or_refused(write: Write, price: str, said: str) -> None:
    model = f'[[models]]\nid = "m"\ntargets = [{{ provider = "a", model = "x" }}]\nprice = {{ {price} }}\n'
    (found,) = mistakes(write(PROVIDER + model))
    assert said in found


def test_names_and_ids_are_used_once(write: Write) -> None:
    model = '[[models]]\nid = "m"\ntargets = [{ provider = "a", model = "x" }]\n'
    assert mistakes(write(PROVIDER * 2 + model * 2)) == [
        '[[providers]] 2 (name "a"): name: is already the name of [[providers]] 1; each needs its own',
        '[[models]] 2 (id "m"): id: is already the id of [[models]] 1; each needs its own',
    ]


def test_the_local_models_name_is_its_own(write: Write) -> None:
    (said,) = mistakes(write('[local_model]\nenabled = true\n[[providers]]\nname = "local"\npreset = "p"\n'))
    assert said.startswith("[local_model]: enabled: ")


RESERVED = ["auto", "auto/fast", "auto/*", "eval:1"]


@pytest.mark.parametrize("asked", ["", "a b", "*", "a*", "*/a", "a/*/b", "a\\u0000", "x" * 257, *RESERVED])
def test_a_model_id_that_cannot_be_asked_for_is_refused(write: Write, asked: str) -> None:
    model = f'[[models]]\nid = "{asked}"\ntargets = [{{ provider = "a", model = "x" }}]\n'
    (said,) = mistakes(write(PROVIDER + model))
    assert ": id: must be 1 to 256 characters" in said


def test_a_star_in_a_target_needs_one_in_the_id(write: Write) -> None:
    (said,) = mistakes(write(PROVIDER + '[[models]]\nid = "m"\ntargets = [{ provider = "a", model = "*" }]\n'))
    assert "* needs an id that ends in /*" in said
    load_settings(write(PROVIDER + '[[models]]\nid = "m/*"\ntargets = [{ provider = "a", model = "*" }]\n'))


def test_a_certificate_file_must_exist(write: Write) -> None:
    (said,) = mistakes(write(PROVIDER + 'ca_file = "nope.pem"\n'))
    assert "ca_file: there is no file" in said


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("sk-canary-1234", "a secret does not stand in this file"),
        ("env:sk-canary-1234", "not the name of an environment variable"),
        ("env:TOLLWAY_TEST_UNSET", "TOLLWAY_TEST_UNSET is not set"),
        ("env:TOLLWAY_TEST_ODD", "TOLLWAY_TEST_ODD holds a space"),
        ("file:nope", "cannot read"),
        ("file:empty", "is empty"),
        ("file:large", "is larger than"),
        ("file:odd", "holds a space"),
    ],
)
def test_a_secret_that_leads_nowhere_is_a_mistake_that_does_not_repeat_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, said: str
) -> None:
    monkeypatch.setenv("TOLLWAY_TEST_ODD", "canary-1234 x")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("canary-1234" * 2000)
    (tmp_path / "odd").write_text("canary-1234\nheader: injected")
    (found,) = mistakes(write(PROVIDER + f'api_key = "{reference}"\n'))
    assert said in found
    assert "canary-1234" not in found


def test_a_secret_is_read_from_a_file_beside_the_settings(write: Write, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    (provider,) = load_settings(write(PROVIDER + 'api_key = "file:key"\n')).providers
    assert provider.api_key is not None
    assert provider.api_key.reveal() == "s3cret"
    assert len({provider.api_key, Secret("s3cret"), Secret("other")}) == 2
    assert repr(provider.api_key) == "Secret(***)"


def test_secrets_are_left_alone_for_who_does_not_need_them(write: Write) -> None:
    path = write(PROVIDER + 'api_key = "env:TOLLWAY_TEST_UNSET"\n')
    assert load_settings(path, secrets=SecretUse.LEAVE).providers[0].api_key is not None
    with pytest.raises(SetupError):
        load_settings(write(PROVIDER + 'api_key = "sk-literal"\n'), secrets=SecretUse.LEAVE)


def test_the_url_of_a_store_with_a_password_may_stand_elsewhere(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKS", "postgresql://ada:swordfish@db/books")
    for use in SecretUse:
        settings = load_settings(write('[store]\nurl = "env:BOOKS"'), secrets=use)
        assert settings.store.url == "postgresql://ada:swordfish@db/books"
    (tmp_path / "books.url").write_text("postgresql:///books?host=/run/pg\n")
    assert load_settings(write('[store]\nurl = "file:books.url"')).store.url == "postgresql:///books?host=/run/pg"


def test_a_store_beside_the_settings_is_the_same_from_everywhere(write: Write, tmp_path: Path) -> None:
    assert load_settings(write('[store]\nurl = "sqlite:///b/t.db"')).store.url == f"sqlite:///{tmp_path}/b/t.db"


def test_built_in_settings_keep_their_books_in_one_folder(tmp_path: Path) -> None:
    local = LocalModelSettings(enabled=True)
    settings = built_in_settings(tmp_path, local_model=local, port=1)
    assert settings.store.url == f"sqlite:///{tmp_path}/tollway.db"
    assert (settings.server.port, settings.local_model) == (1, local)
    assert built_in_settings(tmp_path, local_model=local).server == Settings().server


def test_the_records_below_the_catalog_agree_with_its_own() -> None:
    ours, theirs = TimeoutSettings(), Timeouts()
    assert (ours.connect_s, ours.first_byte_s) == (theirs.connect_s, theirs.first_byte_s)
    assert (ours.idle_s, ours.total_s) == (theirs.idle_s, theirs.total_s)
    assert {choice.value for choice in AfterLeaveChoice} == {choice.value for choice in AfterLeave}
    assert BrandSettings().preset == read_brand("tollway").preset

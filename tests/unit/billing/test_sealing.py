"""Secrets at rest: sealed for one purpose, opened for that purpose only, and lost without the key."""

import stat
import threading
from pathlib import Path

import pytest

from tollway.billing.sealing import OVERHEAD_BYTES, GivenKey, NoKey, Sealer
from tollway.desks import open_sealer
from tollway.errors import CommandRefused, SetupError
from tollway.settings import Secret, SecretUse, ServerSettings, Settings, StoreSettings, load_settings
from tollway.settings.secret import encryption_key
from tollway.store.key_file import KeyFile

KEY = bytes(range(32))
HEX = KEY.hex()
BASE64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def test_what_is_sealed_is_opened_with_the_same_key_and_context() -> None:
    sealed = Sealer(GivenKey(KEY)).seal(b"sk-canary", context="provider:1")
    assert b"canary" not in sealed
    assert len(sealed) == len(b"sk-canary") + OVERHEAD_BYTES
    assert Sealer(GivenKey(KEY)).open(sealed, context="provider:1") == b"sk-canary"


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    sealer = Sealer(GivenKey(KEY))
    assert len({sealer.seal(b"secret", context="provider:1") for _ in range(100)}) == 100


@pytest.mark.parametrize("change", ["context", "key", "bytes", "form", "short", "empty"])
def test_what_was_sealed_otherwise_is_not_opened(change: str) -> None:
    sealed = Sealer(GivenKey(KEY)).seal(b"sk-canary", context="provider:1")
    sealer = Sealer(GivenKey(KEY[::-1] if change == "key" else KEY))
    altered = {
        "bytes": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "form": b"\x02" + sealed[1:],
        "short": sealed[: OVERHEAD_BYTES - 1],
        "empty": b"",
    }.get(change, sealed)
    with pytest.raises(CommandRefused, match="cannot be opened") as caught:
        sealer.open(altered, context="provider:2" if change == "context" else "provider:1")
    assert "canary" not in str(caught.value)


def test_without_a_key_nothing_is_sealed_and_the_refusal_says_what_to_configure() -> None:
    with pytest.raises(CommandRefused, match=r"\[server\] encryption_key"):
        Sealer(NoKey()).seal(b"secret", context="provider:1")
    with pytest.raises(CommandRefused, match="cannot be opened"):
        Sealer(NoKey()).open(b"\x01" + bytes(40), context="provider:1")
    for use in (GivenKey(b"").find, GivenKey(b"").make):
        with pytest.raises(CommandRefused, match="is not there"):
            use()


def test_a_key_file_is_made_at_the_first_need_for_its_owner_only(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "tollway.db")
    assert file.find() is None
    key = file.make()
    path = tmp_path / "encryption.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) == 32
    assert file.make() == file.find() == key == KeyFile(tmp_path / "tollway.db").find()
    assert [each.name for each in tmp_path.iterdir()] == ["encryption.key"]


def test_those_who_make_a_key_file_at_the_same_time_make_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        found.append(KeyFile(tmp_path / "tollway.db").make())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_damaged_or_unreadable_key_file_is_said_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "encryption.key"
    path.write_text("short\n")
    with pytest.raises(CommandRefused, match="does not hold an encryption key"):
        KeyFile(tmp_path / "tollway.db").make()
    assert path.read_text() == "short\n"
    path.unlink()
    path.mkdir()
    with pytest.raises(CommandRefused, match="cannot be read"):
        KeyFile(tmp_path / "tollway.db").find()
    with pytest.raises(CommandRefused, match="cannot be written"):
        KeyFile(tmp_path / "nowhere" / "tollway.db").make()


@pytest.mark.parametrize("text", [HEX, HEX.upper(), BASE64, BASE64.rstrip("=")])
def test_a_key_is_written_in_hexadecimal_or_base64(text: str) -> None:
    assert encryption_key(text) == KEY


def test_both_alphabets_of_base64_are_the_same_key() -> None:
    assert encryption_key("-_" * 21 + "8=") == encryption_key("+/" * 21 + "8=") != None  # noqa: E711


@pytest.mark.parametrize("text", ["", "abc", "x" * 64, HEX[:-2], BASE64 + "AAAA", "ä" * 43, "A"])
def test_any_other_text_is_no_key(text: str) -> None:
    assert encryption_key(text) is None


def test_the_settings_name_the_key_and_a_wrong_one_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tollway.toml"
    path.write_text('[server]\nencryption_key = "env:SEALING"\n')
    monkeypatch.setenv("SEALING", "canary")
    with pytest.raises(SetupError, match=r"\[server\]: encryption_key: is not 32 bytes") as caught:
        load_settings(path)
    assert "canary" not in str(caught.value)
    monkeypatch.setenv("SEALING", BASE64)
    assert load_settings(path).server.encryption_key == Secret(BASE64)
    # A command about the books has it where it is there, and goes without where it is not.
    assert load_settings(path, secrets=SecretUse.LEAVE).server.encryption_key == Secret(BASE64)
    monkeypatch.delenv("SEALING")
    assert load_settings(path, secrets=SecretUse.LEAVE).server.encryption_key == Secret("")


def test_a_deployment_seals_with_its_setting_else_with_the_file_beside_its_store(tmp_path: Path) -> None:
    store = StoreSettings(url=f"sqlite:///{tmp_path / 'tollway.db'}")
    given = Settings(store=store, server=ServerSettings(encryption_key=Secret(HEX)))
    sealed = open_sealer(given).seal(b"secret", context="provider:1")
    assert Sealer(GivenKey(KEY)).open(sealed, context="provider:1") == b"secret"
    assert not (tmp_path / "encryption.key").exists()
    sealed = open_sealer(Settings(store=store)).seal(b"secret", context="provider:1")
    assert open_sealer(Settings(store=store)).open(sealed, context="provider:1") == b"secret"
    far = Settings(store=StoreSettings(url="postgresql://nowhere/books"))
    with pytest.raises(CommandRefused, match="no key to encrypt it with"):
        open_sealer(far).seal(b"secret", context="provider:1")

"""What a provider may be sent to fetch on a client's behalf: public addresses, in whatever form they are written."""

import json

import pytest

from tollway.access.media_addresses import check_media_addresses
from tollway.errors import Refusal


def body(address: str, key: str = "url") -> bytes:
    return json.dumps({"messages": [{"content": [{"type": "image_url", "image_url": {key: address}}]}]}).encode()


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/a.png",
        "http://8.8.8.8/a.png",
        "https://[2606:4700::1]/a",
        "https://example.com:8443/a?b=http://localhost",
        "https://1.example.com/a",
        "https://0x.example.com/a",
        "https://1.2.3.4.5/a",
        "https://08.1.1.1/a",
        "https://300.1.1.1/a",
        "https://4294967296/a",
        "data:image/png;base64,AAAA",
        "gs://bucket/a.png",
        "s3://bucket/a.png",
    ],
)
def test_what_is_public_or_nothing_to_fetch_by_name_passes(address: str) -> None:
    check_media_addresses(body(address))


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/a",
        "http://LOCALHOST./a",
        "http://router.local/a",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://127.0.0.1/a",
        "http://127.1/a",
        "http://0x7f000001/a",
        "http://0177.0.0.1/a",
        "http://2130706433/a",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1:8080/a",
        "http://[::1]/a",
        "http://[fe80::1%25eth0]/a",
        "http://[::ffff:10.0.0.1]/a",
        "HTTP://192.168.1.1/a",
        " http://192.168.1.1/a",
        "https:///a",
        "http://[::1/a",
        "http://user@localhost/a",
    ],
)
def test_what_is_not_public_is_refused_and_named(address: str) -> None:
    with pytest.raises(Refusal, match="not a public one") as refused:
        check_media_addresses(body(address))
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize("key", ["url", "image_url", "file_url", "video_url", "fileUri", "file_uri", "uri"])
def test_it_is_found_under_every_name_that_a_dialect_has_for_it(key: str) -> None:
    with pytest.raises(Refusal):
        check_media_addresses(body("http://localhost/a", key))


def test_what_only_speaks_of_an_address_is_none() -> None:
    check_media_addresses(b'{"text":"see http://localhost/a","messages":["http://localhost"],"n":1}')


def test_escapes_hide_nothing() -> None:
    with pytest.raises(Refusal):
        check_media_addresses(b'{"url":"\\u0068ttp://localhost/a"}')


def test_a_body_without_any_address_is_not_even_read() -> None:
    check_media_addresses(b"not json")

"""Pages of strangers are read over https, from public addresses alone, little and soon, and no redirect leads elsewhere."""

from __future__ import annotations

import ssl
import time
from ipaddress import ip_address

import pytest

from market.outside import fetching, names
from market.outside.fetching import MOST_BYTES, front_page
from market.outside.names import Unreachable, is_public
from tests.market.outside.conftest import PUBLIC, World, page


def read(domain: str = "ada.example", seconds: float = 5) -> str:
    return front_page(domain, until=time.monotonic() + seconds)


def test_a_page_is_read(world: World) -> None:
    world.has("ada.example", page("hello"))

    assert read() == "hello"
    assert world.asked == [PUBLIC]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1", "ff02::1",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_of_ours_is_ever_asked(world: World, address: str) -> None:
    assert not is_public(ip_address(address))
    kind = "AAAA" if ":" in address else "A"
    world.answers["ada.example"] = page("secret")
    # One public address beside it does not help.
    world.records["ada.example", "A"] = [PUBLIC]
    world.records.setdefault(("ada.example", kind), []).append(address)

    with pytest.raises(Unreachable, match="not public"):
        read()
    assert world.asked == []


def test_ordinary_addresses_are_public() -> None:
    for address in (PUBLIC, "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"):
        assert is_public(ip_address(address))


def test_the_name_is_looked_up_once_and_the_connection_goes_where_it_was_judged(world: World) -> None:
    world.has("ada.example", page("hello"))

    read()

    assert world.lookups == ["ada.example", "ada.example"]  # A and AAAA


def test_a_redirect_within_the_domain_is_followed(world: World) -> None:
    world.has("ada.example", page("", "301 Moved", "Location: https://www.ada.example/home?x=1"))
    world.has("www.ada.example", page("home"))

    assert read() == "home"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("https://other.example/", "another domain"),
        ("https://evilada.example/", "another domain"),
        ("http://ada.example/", "plain https"),
        ("https://ada.example:8443/", "plain https"),
        ("https://user@ada.example/", "plain https"),
        ("file:///etc/passwd", "plain https"),
        ("https://127.0.0.1/", "another domain"),
        ("https://ada.example:port/", "none"),
        ("https://[::1/", "none"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed(world: World, to: str, said: str) -> None:
    world.has("ada.example", page("", "302 Found", f"Location: {to}"))
    world.has("other.example", page("other"))

    with pytest.raises(Unreachable, match=said):
        read()
    assert world.asked == [PUBLIC]


def test_a_redirect_to_a_name_of_ours_is_judged_anew(world: World) -> None:
    world.has("ada.example", page("", "302 Found", "Location: https://www.ada.example/"))
    world.has("www.ada.example", page("secret"), address="127.0.0.1")

    with pytest.raises(Unreachable, match="not public"):
        read()


def test_a_circle_of_redirects_ends(world: World) -> None:
    world.has("ada.example", page("", "302 Found", "Location: /again"))

    with pytest.raises(Unreachable, match="more than 3 times"):
        read()


def test_a_page_without_end_is_read_so_far(world: World) -> None:
    def endless(stream: ssl.SSLSocket) -> None:
        stream.sendall(page(""))
        while True:
            stream.sendall(b"x" * 65536)

    world.has("ada.example", endless)

    assert len(read()) == MOST_BYTES


def test_a_server_that_answers_a_letter_at_a_time_is_cut_off(world: World) -> None:
    def slow(stream: ssl.SSLSocket) -> None:
        for letter in page("x" * 1000):
            stream.sendall(bytes([letter]))
            time.sleep(0.05)

    world.has("ada.example", slow)
    started = time.monotonic()

    with pytest.raises(Unreachable, match=r"no answer|too long"):
        read(seconds=1)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", page("", "404 Not Found"), page("", "500 Oh"), page("", "302 Found")]
)
def test_what_is_no_page_is_told_so(world: World, answer: bytes) -> None:
    world.has("ada.example", answer)

    with pytest.raises(Unreachable):
        read()


def test_a_server_whose_certificate_is_not_its_own_is_not_believed(world: World) -> None:
    world.has("stranger.example", page("hello"))

    with pytest.raises(Unreachable, match="no answer"):
        read("stranger.example")


def test_a_name_without_an_address_is_told_so(world: World) -> None:
    with pytest.raises(Unreachable, match="has no address"):
        read("nowhere.example")


def test_no_time_left_asks_nobody() -> None:
    with pytest.raises(Unreachable, match="too long"):
        names.ask("ada.example", "A", until=time.monotonic() - 1)


def test_pages_are_asked_for_at_the_port_of_https() -> None:
    assert fetching.PORT == 443

"""RFC 8291 by its own example, and RFC 8292 by a library that verifies what we sign."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from carekey.authenticators.phone.push import message
from carekey.authenticators.phone.push.model import is_endpoint, keys_of
from carekey.authenticators.phone.push.vapid import Vapid, key_from, origin

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


SENDER = ec.derive_private_key(
    int.from_bytes(raw("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), ec.SECP256R1()
)
BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = raw("DGv6ra1nlYgDCS1FRnbzlw")
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
    "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_rfc8291_5_and_appendix_a_the_example_of_the_specification() -> None:
    text = b"When I grow up, I want to be a watermelon"
    assert message.encrypt(text, p256dh=raw(BROWSER), auth=raw(AUTH), key=SENDER, salt=SALT) == raw(MESSAGE)


def test_rfc8291_4_a_message_is_one_record_of_4096_bytes_at_most() -> None:
    keys = {"p256dh": raw(BROWSER), "auth": raw(AUTH), "key": SENDER, "salt": SALT}
    assert len(message.encrypt(b"x" * message.LONGEST, **keys)) == 4096
    with pytest.raises(ValueError, match="too long"):
        message.encrypt(b"x" * (message.LONGEST + 1), **keys)


def test_rfc8291_3_1_keys_that_a_browser_gives_are_looked_at() -> None:
    assert keys_of(BROWSER, AUTH) == (raw(BROWSER), raw(AUTH))
    off_the_curve = base64.urlsafe_b64encode(b"\x04" + b"\x01" * 64).decode()
    compressed = base64.urlsafe_b64encode(b"\x02" + raw(BROWSER)[1:33]).decode()
    for p256dh, auth in (
        (off_the_curve, AUTH),
        (compressed, AUTH),
        ("", AUTH),
        ("BCVx+", AUTH),
        (BROWSER, ""),
        (BROWSER, AUTH + "AA"),
        (BROWSER, "%"),
    ):
        with pytest.raises(ValueError):
            keys_of(p256dh, auth)


def test_rfc8292_2_and_3_the_push_service_can_verify_who_sends() -> None:
    vapid = Vapid(key_from(bytes(range(48))), "mailto:desk@id.example")
    scheme, _, parameters = vapid.authorization("https://Push.Example:443/p/JzLQ3raZJf?x=1", now=NOW).partition(" ")
    assert scheme == "vapid"
    given = dict(part.strip().split("=", 1) for part in parameters.split(","))
    point = raw(given["k"])
    assert given["k"] == vapid.public
    assert (len(point), point[0]) == (65, 4)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    token = jwt.decode(given["t"], ECKey.import_key(public), algorithms=["ES256"])
    assert token.header == {"typ": "JWT", "alg": "ES256"}
    assert token.claims["aud"] == "https://push.example"
    assert token.claims["sub"] == "mailto:desk@id.example"
    assert NOW < datetime.fromtimestamp(token.claims["exp"], UTC) < NOW + timedelta(hours=24)
    assert json.dumps(token.claims)


def test_rfc8292_2_the_audience_is_the_origin() -> None:
    assert origin("https://push.example:8443/p?q") == "https://push.example:8443"
    assert origin("http://127.0.0.1:80/p") == "http://127.0.0.1"
    assert origin("https://push.example:80/") == "https://push.example:80"


def test_the_key_is_the_same_for_the_same_secret_alone() -> None:
    one, same, other = (Vapid(key_from(seed), "").public for seed in (b"1" * 48, b"1" * 48, b"2" * 48))
    assert one == same != other
    assert key_from(b"\0" * 48).private_numbers().private_value == 1
    with pytest.raises(ValueError, match="48 bytes"):
        key_from(b"1" * 32)


def test_what_can_be_an_endpoint() -> None:
    assert is_endpoint("https://push.example/send/abc?x=%20", plain=False)
    assert is_endpoint("http://127.0.0.1:18600/p", plain=True)
    for address in (
        "http://push.example/p",
        "ftp://push.example/p",
        "https:///p",
        "//push.example/p",
        "https://a:b@push.example/p",
        "https://push.example/p#x",
        "https://push.example/a b",
        "https://push.example/a\n",
        "https://push.example:99999/",
        "https://[::1/p",
        "https://push.éxample/",
        "https://push.example/" + "x" * 1024,
        "",
    ):
        assert not is_endpoint(address, plain=False), address

from ipaddress import ip_network

import pytest

from carekey.web.zones import INTERNET, Zones

zones = Zones(
    {"hscn": [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")], "ward": [ip_network("10.9.0.0/16")]},
    proxies=[ip_network("10.255.0.0/16"), ip_network("192.0.2.1/32"), ip_network("2001:db8:ffff::/48")],
)


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "zone"),
    [
        ("10.1.2.3", None, "hscn"),
        ("203.0.113.1", None, INTERNET),
        ("2001:db8::1", None, "hscn"),
        ("::ffff:10.1.2.3", None, "hscn"),
        ("10.9.0.1", None, "hscn"),
        ("203.0.113.1", "10.1.2.3", INTERNET),
        ("10.1.2.3", "203.0.113.1", "hscn"),
        ("192.0.2.1", "10.1.2.3", "hscn"),
        ("192.0.2.1", "10.1.2.3, 203.0.113.1", INTERNET),
        ("192.0.2.1", "203.0.113.1, 10.1.2.3", "hscn"),
        ("192.0.2.1", "203.0.113.1,10.1.2.3 , 10.255.0.7", "hscn"),
        ("192.0.2.1", "203.0.113.1, 2001:db8:ffff::1", INTERNET),
        ("192.0.2.1", "::ffff:10.1.2.3", "hscn"),
        ("::ffff:192.0.2.1", "10.1.2.3", "hscn"),
        ("10.255.0.1", None, INTERNET),
        ("10.255.0.1", "10.255.0.2", INTERNET),
        ("192.0.2.1", "", INTERNET),
        ("192.0.2.1", "10.1.2.3, unknown", INTERNET),
        ("192.0.2.1", "10.1.2.3:443", INTERNET),
        ("192.0.2.1", "10.1.2.3,", INTERNET),
        ("192.0.2.1", "10.1.2.3, " + "1" * 10_000, INTERNET),
        ("", None, INTERNET),
        ("testclient", "10.1.2.3", INTERNET),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_zone_is_of_the_last_address_that_a_proxy_of_ours_vouches_for(peer, forwarded_for, zone):
    assert zones.of(peer, forwarded_for) == zone


def test_what_a_client_writes_takes_no_memory():
    for number in range(10_000):
        zones.of("203.0.113.1", f"{number}," * 10)
    assert zones._holding.cache_info().currsize < 100

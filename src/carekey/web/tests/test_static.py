import gzip
import re

import pytest

from carekey.web import assets, static
from carekey.web.tests.site import Browser

pytestmark = pytest.mark.anyio


@pytest.fixture
def browser() -> Browser:
    return Browser.of(*static.routes())


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("carekey.css", "text/css; charset=utf-8"),
        ("nhsuk-frontend.min.css", "text/css; charset=utf-8"),
        ("carekey.js", "text/javascript; charset=utf-8"),
        ("carekey.svg", "image/svg+xml"),
        ("carekey-192.png", "image/png"),
        ("nhsuk-frontend.LICENCE.txt", "text/plain; charset=utf-8"),
    ],
)
async def test_a_file_is_kept_for_ever_under_the_mark_of_its_content(browser, name, media_type):
    answer = await browser.get(assets.address(name))
    assert answer.status == 200
    assert answer.header("content-type") == media_type
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert answer.header("content-encoding") is None
    assert answer.body == (assets.FOLDER / name).read_bytes()
    assert answer.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"gzip, deflate, br", "gzip"),
        (b"br;q=1.0, GZIP;q=0.8", "gzip"),
        (b"gzip;q=0", None),
        (b"gzip; q=0.0", None),
        (b"identity", None),
        (b"", None),
        (b";;,,gzi", None),
    ],
)
async def test_rfc9110_12_5_3_it_is_compressed_for_those_who_accept_that(browser, accepted, encoding):
    answer = await browser.get(assets.address("carekey.css"), headers=[(b"accept-encoding", accepted)])
    assert answer.header("content-encoding") == encoding
    assert answer.header("vary") == "accept-encoding"
    body = gzip.decompress(answer.body) if encoding else answer.body
    assert body == (assets.FOLDER / "carekey.css").read_bytes()


async def test_rfc9110_13_1_2_what_the_browser_has_is_not_sent_again(browser):
    address = assets.address("carekey.css")
    etag = (await browser.get(address)).header("etag").encode()
    answer = await browser.get(address, headers=[(b"if-none-match", b'"old", W/' + etag)])
    assert (answer.status, answer.body) == (304, b"")
    zipped = await browser.get(address, headers=[(b"if-none-match", etag), (b"accept-encoding", b"gzip")])
    assert zipped.status == 200, "another representation has another tag"


async def test_head_tells_the_size(browser):
    answer = await browser.ask("HEAD", assets.address("carekey.css"))
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length")) == (assets.FOLDER / "carekey.css").stat().st_size


async def test_a_page_of_another_version_gets_the_file_but_may_not_keep_it(browser):
    answer = await browser.get("/static/000000000000/carekey.css")
    assert (answer.status, answer.header("cache-control")) == (200, "public, no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/..",
        "/static/x/../kit.py",
        "/static/x/..%2fkit.py",
        "/static/x/%2e%2e",
        "/static/x/.",
        "/static/x/",
        "/static/carekey.css",
        "/static/x/\0carekey.css",
        "/static/x//etc/passwd",
        "/static/x/carekey.css/",
    ],
)
async def test_nothing_but_the_files_of_the_folder_can_be_asked_for(browser, path):
    assert (await browser.get(path)).status == 404


def test_a_page_cannot_name_a_file_that_is_not_there():
    with pytest.raises(KeyError):
        assets.address("missing.css")


@pytest.mark.parametrize("name", [name for name in assets.files() if name.endswith(".css")])
def test_no_style_sheet_fetches_anything_or_uses_the_font_of_the_nhs(name):
    css = assets.files()[name].content.decode()
    assert not re.search(r"@import|@font-face|frutiger", css, re.IGNORECASE)
    assert not [url for url in re.findall(r"url\(([^)]*)\)", css) if not url.startswith('"data:image/svg+xml,')]

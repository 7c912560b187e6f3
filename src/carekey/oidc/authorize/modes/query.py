"""`response_mode=query`: in the query of the redirect address, which may have one already."""

from urllib.parse import quote, urlencode

from starlette.responses import Response

from carekey.oidc.authorize.response import Answer
from carekey.web.headers import NO_STORE


def location(answer: Answer) -> str:
    """The registered address, character for character, and the parameters behind it."""
    address = answer.redirect_uri
    if not answer.parameters:
        return address
    joint = "?" if "?" not in address else "" if address[-1] in "?&" else "&"
    return f"{address}{joint}{urlencode(answer.parameters, quote_via=quote)}"


def respond(answer: Answer) -> Response:
    response = Response(status_code=303)
    response.raw_headers.append((b"location", location(answer).encode("latin-1")))
    response.raw_headers.append(NO_STORE)
    return response

"""Static files over HTTP."""

from carekey.web import assets
from carekey.web.kit import Request, Response, Route, get
from carekey.web.problem import not_found

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"


async def serve(request: Request) -> Response:
    file = assets.files().get(request.params["name"])
    if file is None:
        raise not_found()
    zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{file.mark}{"-gzip" if zipped else ""}"'
    # A page of another version, seen during an upgrade, names another mark: it gets what there is, for now.
    lasting = request.params["mark"] == file.mark
    headers = {
        "etag": etag,
        "cache-control": FOR_EVER if lasting else ASK_AGAIN,
        "vary": "accept-encoding",
    }
    if etag in (known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    headers["content-type"] = file.media_type
    if zipped:
        headers["content-encoding"] = "gzip"
    return Response(file.compressed if zipped else file.content, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110 section 12.5.3, as far as browsers use it."""
    for coding in accepted.split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def routes() -> list[Route]:
    assets.files()
    return [get("/static/{mark}/{name}", serve)]

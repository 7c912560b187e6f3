"""A proxy that ends TLS, as far as CareKey can tell: https addresses reach its plain port under the names they came by."""

import httpx2

from support.person import one_shot


class TlsProxy(httpx2.BaseTransport):
    def __init__(self, port: int) -> None:
        self._port = port
        self._onward = one_shot()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        onward = httpx2.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return self._onward.handle_request(onward)

    def close(self) -> None:
        self._onward.close()

"""The ASGI kit: requests, routes, cookies, CSRF, headers, network zones, pages. Starlette's parts, our dispatcher."""

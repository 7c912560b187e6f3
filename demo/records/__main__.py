"""`python -m records` serves the API."""

import os
import sys

import uvicorn

from records.app import make_app
from records.config import from_environment


def main() -> int:
    try:
        config = from_environment(os.environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(make_app(config), host=config.host, port=config.port, log_level="warning", server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

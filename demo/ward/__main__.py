"""`python -m ward` serves the application; `python -m ward registration` prints what to register."""

import json
import os
import sys

import uvicorn

from ward.app import make_app
from ward.config import from_environment


def main() -> int:
    try:
        config = from_environment(os.environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if sys.argv[1:] == ["registration"]:
        sys.stdout.write(json.dumps(config.registration(), indent=2) + "\n")
        return 0
    if sys.argv[1:]:
        sys.stderr.write("Usage: python -m ward [registration]\n")
        return 2
    uvicorn.run(make_app(config), host=config.host, port=config.port, log_level="warning", server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

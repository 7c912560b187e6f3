"""`python -m carekey`."""

from carekey.app.cli import main

if __name__ == "__main__":
    main()

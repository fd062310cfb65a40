"""`python -m services.cli`: the same as `advent`."""

import sys

from services.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

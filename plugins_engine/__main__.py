"""`python -m plugins_engine`."""

import sys

try:
    from plugins_engine.cli import main

    sys.exit(main(sys.argv[1:]))
except KeyboardInterrupt:  # while torch was still being imported
    sys.exit(130)

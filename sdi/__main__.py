"""`python -m sdi` is `sdi`."""

import sys

from sdi.cli import main

sys.exit(main())

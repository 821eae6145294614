"""`python -m labsim`: the command where its script is not on the path.

Picture the side door of the same shop.
"""

import sys

from labsim.cli import main

sys.exit(main())

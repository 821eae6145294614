"""`python -m labsim.cli`: the same as `python -m labsim`.

Picture the side door of the same shop.
"""

import sys

from labsim.cli import main

sys.exit(main())

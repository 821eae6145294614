"""One module per lab; the registry (`labsim.kit.registry`) finds them by itself.

`labsim.labs()` lists them: {slug: Lab}, in course order.
"""

from labsim._callable import make_callable
from labsim.kit.registry import labs

make_callable(__name__, labs)

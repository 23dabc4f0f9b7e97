"""The commands, one function each: it parses, calls, and hands what came out to an `*_output`.

Before any of them is imported, what costs each start a tenth is set aside: looking among all that
was imported for garbage, of which there is none, and among all that is installed for plugins of
pydantic.
"""

import gc
import os

gc.set_threshold(100_000)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

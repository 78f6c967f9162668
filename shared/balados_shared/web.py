"""httpx without its command line.

Where click and rich are installed (litestar and sqlite-utils bring them) `import httpx` loads them, and pygments too,
for a command that nobody here runs: 0.25 s and 10 MB for each of our programs. So httpx is imported from here.
"""

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # httpx then does without, as if click were missing

import httpx  # noqa: E402

__all__ = ["httpx"]

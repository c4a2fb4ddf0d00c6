"""Write the operations that a graph may hold as a C++ header: list_allowed_ops.py ALLOWED_OPS_PY HEADER."""

import runpy
import sys
from pathlib import Path

names = sorted(runpy.run_path(sys.argv[1])["ALLOWED_OPS"])
lines = [
    "#pragma once",
    "",
    "namespace deepmd {",
    "constexpr const char* kAllowedOps[] = {",
    *(f'    "{name}",' for name in names),
    "};",
    "}  // namespace deepmd",
]
text, header = "\n".join(lines) + "\n", Path(sys.argv[2])
# An unchanged header keeps its time stamp, so that nothing is compiled again.
if not header.exists() or header.read_text(encoding="utf-8") != text:
    header.write_text(text, encoding="utf-8")

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
Path(sys.argv[2]).write_text("\n".join(lines) + "\n", encoding="utf-8")

"""Print the test folders that belong to changed files, for `make check`.

python -m tests.select_changed          changes against the branch point from main, and uncommitted ones
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "deepmd_tf"
FOLDERS = {
    "source/lib": "kernels",
    "source/py": "kernels",
    "source/op": "ops",
    "source/api": "api",
    "source/lmp": "lammps",
    "benchmarks": "benchmarks",
    "examples": "examples",
}
"""Test folders of files outside the package."""


def changed_files() -> list[str]:
    """Return the files that differ from the branch point, relative to the repository."""

    def lines(*command: str) -> list[str]:
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.splitlines() if done.returncode == 0 else []

    base = (lines("merge-base", "HEAD", "main") or ["HEAD"])[0]
    return sorted({*lines("diff", "--name-only", base), *lines("ls-files", "--others", "--exclude-standard")})


def folder_of(file: str) -> str | None:
    """Return the test folder or test file that belongs to a file, relative to the repository; None without one."""
    parts = Path(file).parts
    if parts[0] == PACKAGE:
        return f"tests/{parts[1]}" if len(parts) > 2 else "tests/test_layers.py"
    if parts[0] == "tests":
        if len(parts) > 2:
            return "/".join(parts[:2])
        return file if Path(file).name.startswith("test_") else None
    if file.endswith(".md"):
        return "tests/test_readme.py"
    return next((f"tests/{tests}" for start, tests in FOLDERS.items() if file.startswith(f"{start}/")), None)


def selected(files: list[str]) -> list[str]:
    """Return the existing test folders and files of changed files; always those of layers."""
    found = {"tests/test_layers.py", *filter(None, map(folder_of, files))}
    return sorted(place for place in found if (ROOT / place).exists())


if __name__ == "__main__":
    print(*selected(changed_files()))

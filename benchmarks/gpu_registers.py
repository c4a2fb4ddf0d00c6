"""Report registers and shared memory of the GPU kernels, from the assembler's output; needs no GPU.

``python -m benchmarks.gpu_registers`` compiles every source with ``nvcc -Xptxas -v`` and prints a Markdown table. The
exit status is 1 if a kernel of deepmd_tf spills more than two numbers.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_LIBRARY = Path(__file__).parents[1] / "source" / "lib"
_TOLERATED = 16  # bytes: the exponent that `frexp` writes to memory is allowed
_ENTRY = "Compiling entry function "
# Patterns of the numbers in the report of one entry.
_FACTS = {
    "registers": re.compile(r"Used (\d+) registers"),
    "shared": re.compile(r"(\d+) bytes smem"),
    "stack": re.compile(r"(\d+) bytes stack frame"),
    "stores": re.compile(r"(\d+) bytes spill stores"),
    "loads": re.compile(r"(\d+) bytes spill loads"),
}


@dataclass(frozen=True)
class Kernel:
    """A row of the table; sizes are in bytes."""

    source: str
    name: str
    registers: int
    shared: int
    stack: int
    spilled: int


def compiler() -> list[str]:
    """Return the CUDA compiler with the flags of the build, including the path of CUB in this toolkit."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        raise SystemExit("nvcc was not found: put it on the PATH")
    dry = subprocess.run(
        [nvcc, "--dryrun", "-x", "cu", "/dev/null"], capture_output=True, text=True, check=False
    ).stderr
    root = re.search(r"^#\$ TOP=(.*)$", dry, re.MULTILINE)
    cccl = Path(root.group(1)) / "include" / "cccl" if root else Path()
    return [
        nvcc,
        "-std=c++17",
        "-O3",
        "--expt-relaxed-constexpr",
        f"-I{_LIBRARY}",
        f"-I{_LIBRARY / 'include'}",
        f"-I{cccl}",
    ]


def kernels_of(source: Path, architecture: str) -> list[Kernel]:
    """Return the kernels of a source, sorted by name."""
    done = subprocess.run(
        [*compiler(), f"-arch={architecture}", "-Xptxas", "-v", "-c", str(source), "-o", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    rows = []
    for report in done.stderr.split(_ENTRY)[1:]:
        mangled = re.match(r"'(\w+)'", report).group(1)
        name = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True).stdout.strip()
        found = {fact: pattern.search(report) for fact, pattern in _FACTS.items()}
        number = {fact: int(match.group(1)) if match else 0 for fact, match in found.items()}
        spilled = number["stores"] + number["loads"]
        rows.append(Kernel(source.name, _short(name), number["registers"], number["shared"], number["stack"], spilled))
    return sorted(rows, key=lambda row: row.name)


def _short(name: str) -> str:
    """Return the name without namespaces and parameters; for kernels of CUB, the name of the algorithm."""
    name = re.sub(r"\(anonymous namespace\)::|deepmd::|gpu::|_GLOBAL__N__\w+::", "", name).removeprefix("void ")
    if "cub::" in name:
        return "cub " + re.search(r"::(\w+)[<(]", re.sub(r"^.*?cub::", "::cub::", name)).group(1)
    depth, end = 0, len(name)
    for k, letter in enumerate(name):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "(" and depth == 0:
            end = k
            break
    return re.sub(r"\((?:\w|::)+\)", "", name[:end])


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_registers", description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", default="sm_90", help="GPU architecture (%(default)s)")
    architecture = parser.parse_args().architecture
    sources = sorted((_LIBRARY / "gpu").glob("*.cu"))
    with ThreadPoolExecutor(2) as pool:
        kernels = [row for rows in pool.map(lambda source: kernels_of(source, architecture), sources) for row in rows]
    version = subprocess.run([compiler()[0], "--version"], capture_output=True, text=True, check=True).stdout
    print(
        f"# Registers of the GPU kernels ({architecture}, nvcc {re.search(r'release ([0-9.]+)', version).group(1)})\n"
    )
    print("Output of `python -m benchmarks.gpu_registers`, from the reports of the assembler (`-Xptxas -v`).\n")
    print("| source | kernel | registers | shared, bytes | stack, bytes | spilled, bytes |\n|---|---|--:|--:|--:|--:|")
    for row in kernels:
        print(f"| {row.source} | `{row.name}` | {row.registers} | {row.shared} | {row.stack} | {row.spilled} |")
    spilling = [row for row in kernels if row.spilled > _TOLERATED and not row.name.startswith("cub ")]
    return 1 if spilling else 0


if __name__ == "__main__":
    sys.exit(main())

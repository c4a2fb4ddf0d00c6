"""Time the kernels on a GPU, relative to the peak rates measured in the same run.

The arrays are on the GPU before the kernels are timed. ``make bench-gpu`` builds the kernels without TensorFlow and
runs this module; it needs CUDA, CMake, pybind11 and NumPy.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import gpu_model as model
from benchmarks.kernels.systems import RCUT, RCUT_SMTH, SEL, Water, water

_HERE = Path(__file__).parent
_REPEATS = 10


@dataclass(frozen=True)
class Measurement:
    """A call of a kernel, with the smallest number of bytes and operations that it requires.

    Attributes
    ----------
    call : callable
        Runs the kernel.
    nbytes : float
        Size of all input and output arrays.
    flops : float
        Operations, a fused multiply-add counting as two; 0 for kernels limited by memory.
    precision : str
        Precision of these operations.
    """

    name: str
    call: Callable[[], object]
    nbytes: float = 0
    flops: float = 0
    precision: str = "float64"


def peak() -> dict[str, float]:
    """Measure the copy bandwidth and the FMA rates of this GPU with ``native/gpu_peak.cu``."""
    with tempfile.TemporaryDirectory() as directory:
        program = str(Path(directory) / "gpu_peak")
        source = str(_HERE / "native" / "gpu_peak.cu")
        subprocess.run(["nvcc", "-std=c++17", "-O3", "-arch=native", source, "-o", program], check=True)
        return json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def measurements(kernels, box: Water) -> Iterator[Measurement]:
    """Yield measurements of all kernels on one box of water."""
    yield from _edges(kernels, box)
    yield from _slots(kernels, box)
    yield from _contraction(kernels, box)
    yield from _products(kernels, box)
    yield from _inference(kernels, box)


def _frame(box: Water):
    splits = np.array([0, box.natoms], np.int32)
    return box.coord, box.types, splits, box.cell[None], np.ones(1, bool)


def _edges(kernels, box: Water) -> Iterator[Measurement]:
    rng = np.random.default_rng(1)
    found, n, e = box.found, box.natoms, box.nedge
    g3, g4 = rng.normal(size=(e, 3)), rng.normal(size=(e, 4))
    tables = (np.zeros(2), np.full(2, 0.15), np.full(2, 0.12))
    rows = (found.edge_vec, found.edge_splits, box.types, *tables, RCUT, RCUT_SMTH)
    ends = (found.edge_splits, found.neighbor)
    splits = np.array([0, n], np.int32)
    per_atom = 12 * n
    yield Measurement(
        "neighbor search", lambda: kernels.neighbors_batch(*_frame(box), RCUT, 2), 28 * n + 28 * e + 8 * n
    )
    yield Measurement("edge_rows", lambda: kernels.edge_rows(*rows), per_atom + 56 * e)
    yield Measurement("edge_rows_grad", lambda: kernels.edge_rows_grad(g4, *rows), per_atom + 80 * e)
    yield Measurement("edge_rows_tangent", lambda: kernels.edge_rows_tangent(g3, *rows), per_atom + 80 * e)
    yield Measurement("edge_force", lambda: kernels.edge_force(g3, *ends, n), 32 * n + 28 * e)
    yield Measurement("edge_force_grad", lambda: kernels.edge_force_grad(g3[:n], *ends), 32 * n + 28 * e)
    yield Measurement("edge_virial", lambda: kernels.edge_virial(g3, found.edge_vec, *ends, splits), 80 * n + 52 * e)
    grads = (np.ones((1, 9)), rng.normal(size=(n, 9)))
    yield Measurement(
        "edge_virial_grad", lambda: kernels.edge_virial_grad(*grads, found.edge_vec, *ends, splits), 80 * n + 52 * e
    )


def _slots(kernels, box: Water) -> Iterator[Measurement]:
    n, slots = box.natoms, box.natoms * sum(SEL)
    width = 4 * sum(SEL)
    avg, std = np.zeros((2, width)), np.ones((2, width))
    geometry = (box.types, *box.found, avg, std, RCUT, RCUT_SMTH, list(SEL))
    yield Measurement("env_mat", lambda: kernels.env_mat_a(*geometry), 28 * box.nedge + (8 * 19 + 4) * slots)
    _, in_deriv, rij, nlist, _ = kernels.env_mat_a(*geometry)
    net_deriv = np.random.default_rng(1).normal(size=(1, n, sum(SEL), 4))
    in_deriv, rij, nlist = in_deriv[None], rij[None], nlist[None]
    grad, grad_atom = np.ones((1, n, 3)), np.ones((1, n, 9))
    yield Measurement(
        "slot force", lambda: kernels.force_se_a(net_deriv, in_deriv, nlist, n), (8 * 16 + 4) * slots + 24 * n
    )
    yield Measurement(
        "slot force, transposed", lambda: kernels.force_se_a_grad(grad, in_deriv, nlist), (8 * 16 + 4) * slots + 24 * n
    )
    yield Measurement(
        "slot virial", lambda: kernels.virial_se_a(net_deriv, in_deriv, rij, nlist, n), (8 * 19 + 4) * slots + 72 * n
    )
    yield Measurement(
        "slot virial, transposed",
        lambda: kernels.virial_se_a_grad(np.ones((1, 9)), grad_atom, in_deriv, rij, nlist),
        (8 * 19 + 4) * slots + 72 * n,
    )


def _contraction(kernels, box: Water) -> Iterator[Measurement]:
    """Yield the contractions; counted are, per edge and column, a polynomial and its product with the row."""
    found, rng = box.found, np.random.default_rng(1)
    tables = (np.zeros(2), np.full(2, 0.15), np.full(2, 0.12))
    rows = kernels.edge_rows(found.edge_vec, found.edge_splits, box.types, *tables, RCUT, RCUT_SMTH)
    cells = kernels.cells_of_rows(
        rows, found.edge_splits, found.neighbor, box.types, 2, True, 0.0, model.UNIT, model.PER_OCTAVE
    )
    v = rng.normal(size=rows.shape)
    value = 2 * model.WIDTH * (model.TERMS + 4) * box.nedge
    slope = 2 * model.WIDTH * (2 * model.TERMS + 8) * box.nedge
    for dtype in (np.float64, np.float32):
        table = rng.normal(size=(cells.ncell, model.TERMS, model.WIDTH)).astype(dtype)
        t_grad = rng.normal(size=(box.natoms, 4, model.WIDTH)).astype(dtype)
        for name, flops, *call in (
            ("contract_cells", value, kernels.contract_cells, cells, table, None),
            ("contract_cells_tangent", slope, kernels.contract_cells, cells, table, v),
            ("contract_cells_grad_rows", slope, kernels.contract_cells_grad_rows, cells, t_grad, table),
            ("contract_cells_grad_table", value, kernels.contract_cells_grad_table, cells, t_grad, model.TERMS, None),
        ):
            yield Measurement(f"{name}, {np.dtype(dtype).name}", partial(*call), 0, flops, np.dtype(dtype).name)


def _products(kernels, box: Water) -> Iterator[Measurement]:
    """Yield the largest matrix product of the fitting net."""
    rng, width, neuron = np.random.default_rng(1), model.WIDTH * model.AXIS, model.NEURONS[0]
    for dtype in (np.float64, np.float32):
        x, w = rng.normal(size=(box.natoms, width)).astype(dtype), rng.normal(size=(width, neuron)).astype(dtype)
        call = partial(kernels.dense_product, x, w, False, False)
        yield Measurement(f"gemm, {np.dtype(dtype).name}", call, 0, 2 * x.size * neuron, np.dtype(dtype).name)


def _inference(kernels, box: Water) -> Iterator[Measurement]:
    """Yield complete evaluations on the GPU, from coordinates to energies, forces and virials."""
    for descriptor, fitting in (("float64", "float64"), ("float64", "float32"), ("float32", "float32")):
        inputs = model.water_model(descriptor, fitting)
        call = partial(kernels.evaluate_batch, inputs, *_frame(box), np.zeros((box.natoms, 0), fitting))
        yield Measurement(f"inference, {descriptor} descriptor, {fitting} fitting net", call)


def run(kernels, box: Water, best: dict[str, float], output) -> None:
    """Measure the kernels and print a line for each."""
    print(f"device: {kernels.device_name()}", file=output)
    print(
        f"copy {best['copy_gbps']:.0f} GB/s, FMA float64 {best['float64_gflops']:.0f} GFLOP/s, "
        f"float32 {best['float32_gflops']:.0f} GFLOP/s",
        file=output,
    )
    print(f"{box.natoms} atoms of water, {box.nedge} edges; kernel times, arrays on the GPU\n", file=output)
    print(f"{'kernel':<56} {'us/atom':>9} {'GB/s':>7} {'of copy':>8} {'GFLOP/s':>8} {'of FMA':>7}", file=output)
    for each in measurements(kernels, box):
        kernels.measure_kernels(_REPEATS)
        each.call()
        kernels.measure_kernels(0)
        print(_line(each, kernels.kernel_seconds(), box.natoms, best), file=output, flush=True)


def _line(each: Measurement, seconds: float, natoms: int, best: dict[str, float]) -> str:
    seconds = max(seconds, 1e-12)
    gbps, gflops = 1e-9 * each.nbytes / seconds, 1e-9 * each.flops / seconds
    text = f"{each.name:<56} {1e6 * seconds / natoms:9.4f}"
    text += f" {gbps:7.0f} {gbps / best['copy_gbps']:8.0%}" if each.nbytes else f" {'':7} {'':8}"
    return text + (f" {gflops:8.0f} {gflops / best[each.precision + '_gflops']:7.0%}" if each.flops else "")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--natoms", type=int, default=98304, help="approximate number of atoms (%(default)s)")
    parser.add_argument(
        "--emulated", action="store_true", help="use the emulation on the CPU, whose times are meaningless"
    )
    parser.add_argument(
        "--output", type=argparse.FileType("w"), default=sys.stdout, help="file for the table; default: standard output"
    )
    arguments = parser.parse_args()
    if arguments.emulated:
        kernels = importlib.import_module("deepmd_tf._gpu_emulated")
        best = {"copy_gbps": 1.0, "float64_gflops": 1.0, "float32_gflops": 1.0}
    else:
        kernels, best = importlib.import_module("deepmd_tf._gpu"), peak()
    run(kernels, water(arguments.natoms), best, arguments.output)


if __name__ == "__main__":
    main()

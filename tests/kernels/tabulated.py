"""A small model with a tabulated embedding, and what it says by the definitions alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import chebyshev

from . import oracle

NTYPES = 3
UNIT, PER_OCTAVE, OCTAVES = 0.7, 2, 7


def panel_edges(lowest: float) -> np.ndarray:
    """Where the panels of the radial axis begin, and where the last one ends."""
    starts = [
        lowest - UNIT + UNIT * 2.0**octave * (1 + part / PER_OCTAVE)
        for octave in range(OCTAVES)
        for part in range(PER_OCTAVE)
    ]
    return np.array([*starts, lowest - UNIT + UNIT * 2.0**OCTAVES])


def activate(name: str, x: np.ndarray) -> np.ndarray:
    """The activation functions that are analytic, also of complex numbers."""
    return {"tanh": np.tanh(x), "linear": x, "sigmoid": 1 / (1 + np.exp(-x))}[name]


@dataclass(frozen=True)
class Tabulated:
    """A model in arrays: the descriptor is of the dtype of `table`, the fitting net of that of its matrices."""

    rcut: float
    rcut_smth: float
    avg: np.ndarray
    std_radial: np.ndarray
    std_angular: np.ndarray
    sel: np.ndarray
    one_side: bool
    excluded: tuple[tuple[int, int], ...]
    lowest: float
    table: np.ndarray
    empty: np.ndarray
    axis: int
    activation: str
    matrices: list[np.ndarray]
    biases: list[np.ndarray]
    idts: list[np.ndarray | None]
    extra_matrix: np.ndarray
    final_matrix: np.ndarray
    atom_bias: np.ndarray
    nets: tuple[Tabulated, ...] = ()
    """Whose fitting nets the types have, where each has its own."""

    def in_precision(self, descriptor, fitting) -> Tabulated:
        """The same numbers rounded to these dtypes."""
        return replace(
            self,
            table=self.table.astype(descriptor),
            empty=self.empty.astype(descriptor),
            matrices=[each.astype(fitting) for each in self.matrices],
            biases=[each.astype(fitting) for each in self.biases],
            idts=[None if each is None else each.astype(fitting) for each in self.idts],
            extra_matrix=self.extra_matrix.astype(fitting),
            final_matrix=self.final_matrix.astype(fitting),
            nets=tuple(net.in_precision(descriptor, fitting) for net in self.nets),
        )

    def inputs(self) -> dict:
        """The inputs and attributes of EvaluateModel that are parameters of the model, as kernels take them."""
        names = ("rcut_smth", "rcut", "avg", "std_radial", "std_angular", "sel", "one_side", "lowest", "table", "empty")
        nets = self.nets or (self,)
        of_type = self.nets or (self,) * NTYPES
        nothing = np.zeros(0, self.extra_matrix.dtype)
        return {
            **{name: getattr(self, name) for name in (*names, "activation")},
            "exclude_types": self.excluded,
            "axis_neuron": self.axis,
            "unit": UNIT,
            "per_octave": np.int32(PER_OCTAVE),
            "first_matrix": [net.matrices[0] for net in nets],
            "extra_matrix": [net.extra_matrix for net in nets],
            "first_bias": np.array([net.biases[0][k] for k, net in enumerate(of_type)]),
            "matrices": [matrix for net in nets for matrix in net.matrices[1:]],
            "biases": [bias for net in nets for bias in net.biases[1:]],
            "idts": [nothing if idt is None else idt for net in nets for idt in net.idts],
            "final_matrix": [net.final_matrix[:, None] for net in nets],
            "atom_bias": np.array([net.atom_bias[k] for k, net in enumerate(of_type)]),
        }

    def energy(self, center_type: int, types: np.ndarray, vec: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """Energies [...] of a center with neighbors of these types [n] at vec [..., n, 3], which may be complex."""
        if self.excluded:
            pairs = {*self.excluded, *(pair[::-1] for pair in self.excluded)}
            keep = np.array([(center_type, other) not in pairs for other in types.tolist()], bool)
            types, vec = types[keep], vec[..., keep, :]
        r = np.sqrt((vec**2).sum(axis=-1, keepdims=True))
        row = self._weight(r) * np.concatenate([np.ones_like(r), vec / r], axis=-1)
        row[..., 0] -= self.avg[center_type]
        row /= np.array([self.std_radial[center_type], *[self.std_angular[center_type]] * 3])
        t = np.einsum("...na,...nm->...am", row, self._embedding(center_type, types, row[..., 0]))
        count = np.bincount(types, minlength=NTYPES)
        t[..., 0, :] += (self.sel - count) @ self.empty[center_type]
        t = t / self.sel.sum()
        d = np.einsum("...am,...ak->...mk", t, t[..., : self.axis])
        net = self.nets[center_type] if self.nets else self
        return net._fit(center_type, d.reshape(*d.shape[:-2], len(self.matrices[0])), extra)

    def _weight(self, r: np.ndarray) -> np.ndarray:
        """The smooth weight, whose pieces are chosen by the real part."""
        x = (r - self.rcut_smth) / (self.rcut - self.rcut_smth)
        between = (x**3 * (-6 * x**2 + 15 * x - 10) + 1) / r
        return np.where(r.real < self.rcut_smth, 1 / r, np.where(r.real < self.rcut, between, 0))

    def _embedding(self, center_type: int, types: np.ndarray, s: np.ndarray) -> np.ndarray:
        """G [..., n, columns]: on each panel of each code a series of Chebyshev polynomials."""
        edges = panel_edges(self.lowest)
        codes = types if self.one_side else center_type * NTYPES + types
        out = np.zeros((*s.shape, self.table.shape[-1]), s.dtype)
        for k, code in enumerate(codes):
            # All values of one edge are on one panel: they differ by an imaginary part alone.
            panel = np.searchsorted(edges, s[..., k].real.flat[0], side="right") - 1
            start, end = edges[panel : panel + 2]
            u = (2 * s[..., k] - start - end) / (end - start)
            out[..., k, :] = np.moveaxis(chebyshev.chebval(u, self.table[code, panel]), 0, -1)
        return out

    def _fit(self, center_type: int, d: np.ndarray, extra: np.ndarray) -> np.ndarray:
        x = d
        for k, (matrix, bias, idt) in enumerate(zip(self.matrices, self.biases, self.idts, strict=True)):
            bias = bias[center_type] + extra @ self.extra_matrix if k == 0 else bias
            y = activate(self.activation, x @ matrix + bias) * (1 if idt is None else idt)
            x = y + x if k > 0 and matrix.shape[0] == matrix.shape[1] else y
        return x @ self.final_matrix + self.atom_bias[center_type]

    def gradient(self, center_type: int, types: np.ndarray, vec: np.ndarray, extra, which=slice(None)) -> np.ndarray:
        """dE/d vec [n, 3] of chosen edges by complex steps, which are exact to rounding."""
        chosen = np.arange(len(types))[which]
        steps = np.zeros((len(chosen), 3, *vec.shape), complex)
        for k, edge in enumerate(chosen):
            steps[k, range(3), edge, range(3)] = 1e-30j
        return self.energy(center_type, types, vec + steps, extra).imag / 1e-30

    def evaluate(self, frames, extra: np.ndarray):
        """Atomic energies, forces, virials of frames and atoms; of frames of `systems.Frame` one after another."""
        natoms = sum(len(frame.coord) for frame in frames)
        energy, force, atom_virial = np.zeros(natoms), np.zeros((natoms, 3)), np.zeros((natoms, 9))
        virial, first = np.zeros((len(frames), 9)), 0
        for f, frame in enumerate(frames):
            edges = oracle.edges(frame)
            for i in range(len(frame.coord)):
                mine = edges[edges[:, 0] == i]
                neighbor, vec = mine[:, 1].astype(int), mine[:, 2:]
                of_atom = (frame.type[i], frame.type[neighbor], vec, extra[first + i])
                energy[first + i], g = self.energy(*of_atom), self.gradient(*of_atom)
                force[first + i] += g.sum(axis=0)
                np.add.at(force, first + neighbor, -g)
                np.add.at(atom_virial, first + neighbor, -(g[:, :, None] * vec[:, None, :]).reshape(-1, 9))
            last = first + len(frame.coord)
            virial[f], first = atom_virial[first:last].sum(axis=0), last
        return energy, force, virial, atom_virial


def make_tabulated(
    rng,
    *,
    terms: int = 16,
    columns: int = 12,
    axis: int = 5,
    neurons=(10, 10),
    one_side: bool = True,
    nextra: int = 0,
    resnet_dt: bool = False,
    activation: str = "tanh",
    excluded=(),
    rcut: float = 4.0,
) -> Tabulated:
    """A random model whose embedding is smooth, so that panels join to the accuracy of that many terms."""
    avg, std_radial, std_angular = (
        rng.uniform(0.05, 0.2, NTYPES),
        rng.uniform(0.2, 0.4, NTYPES),
        rng.uniform(0.2, 0.4, 3),
    )
    lowest = float(np.min(-avg / std_radial))
    slope, shift, height = rng.normal(size=(3, NTYPES if one_side else NTYPES**2, columns))
    edges = panel_edges(lowest)
    table = np.array(
        [
            [
                chebyshev.chebinterpolate(
                    lambda u, a=a, b=b, h=h, x=x, w=w: h + np.tanh(0.2 * a * (x + w * (u[:, None] + 1) / 2) + b),
                    terms - 1,
                    (),
                )
                for x, w in zip(edges, np.diff(edges), strict=False)
            ]
            for a, b, h in zip(slope, shift, height, strict=True)
        ]
    )
    widths = [columns * axis, *neurons]
    matrices = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in itertools.pairwise(widths)]
    return Tabulated(
        rcut,
        0.6,
        avg,
        std_radial,
        std_angular,
        np.array([7, 11, 5], np.int32),
        one_side,
        tuple(excluded),
        lowest,
        table,
        rng.normal(size=(NTYPES, NTYPES, columns)) / 10,
        axis,
        activation,
        matrices,
        [rng.normal(size=(NTYPES, neurons[0])), *(rng.normal(size=n) for n in neurons[1:])],
        [rng.normal(size=n) if resnet_dt else None for n in neurons],
        rng.normal(size=(nextra, neurons[0])),
        rng.normal(size=neurons[-1]),
        rng.normal(size=NTYPES),
    )

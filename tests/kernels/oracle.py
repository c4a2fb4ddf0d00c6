"""What the kernels compute, written once more in the most direct way, from the definitions alone."""

import itertools

import numpy as np

from .systems import Frame


def images(frame: Frame) -> np.ndarray:
    """All cell shifts [nimage, 3] that can bring one atom of the frame within the cutoff of another."""
    axes = [range(1)] * 3
    repeated = [k for k in range(3) if frame.pbc[k]]
    if repeated and len(frame.coord):
        # Along the pseudo-inverse, a displacement of length rcut changes a fractional coordinate by at most rcut |g|.
        inverse = np.linalg.pinv(frame.cell[repeated])
        fraction = frame.coord @ inverse
        for column, k in enumerate(repeated):
            reach = frame.rcut * np.linalg.norm(inverse[:, column]) + np.ptp(fraction[:, column])
            axes[k] = range(-int(reach), int(reach) + 1)
    return np.array(list(itertools.product(*axes)), dtype=float) @ frame.cell


def wrapped(frame: Frame) -> Frame:
    """The frame with its atoms brought back into the cell, so that few images are enough."""
    repeated = [k for k in range(3) if frame.pbc[k]]
    vectors = frame.cell[repeated]
    fraction = frame.coord @ np.linalg.pinv(vectors) if repeated else np.zeros((len(frame.coord), 0))
    return Frame(frame.coord - np.floor(fraction) @ vectors, frame.type, frame.cell, frame.pbc, frame.rcut)


def edges(frame: Frame) -> np.ndarray:
    """All edges as rows (i, j, x, y, z): every pair of every image, compared with the cutoff."""
    frame = wrapped(frame)
    natoms, shifts = len(frame.coord), images(frame)
    copies = (frame.coord[None, :] + shifts[:, None]).reshape(-1, 3)
    home = np.flatnonzero((shifts == 0).all(axis=1))[0] * natoms
    found = [np.zeros((0, 5))]
    for i in range(natoms):
        # All copies are compared in x, and those that are near there in full.
        near = np.flatnonzero(np.abs(copies[:, 0] - frame.coord[i, 0]) < frame.rcut)
        vec = copies[near] - frame.coord[i]
        keep = ((vec**2).sum(axis=-1) < frame.rcut**2) & (near != home + i)
        found.append(np.column_stack([np.full(keep.sum(), i), near[keep] % natoms, vec[keep]]))
    return np.concatenate(found)


def weight(r: np.ndarray, rcut: float, rcut_smth: float) -> np.ndarray:
    """The smooth weight s(r) as the contract prints it."""
    x = (r - rcut_smth) / (rcut - rcut_smth)
    between = (x**3 * (-6 * x**2 + 15 * x - 10) + 1) / r
    return np.where(r < rcut_smth, 1 / r, np.where(r < rcut, between, 0.0))


def rows(edge_vec: np.ndarray, rcut: float, rcut_smth: float) -> np.ndarray:
    """Environment rows [nedge, 4]."""
    r = np.linalg.norm(edge_vec, axis=-1, keepdims=True)
    return weight(r, rcut, rcut_smth) * np.concatenate([np.ones_like(r), edge_vec / r], axis=-1)


def slots(frame: Frame, sel, rcut_smth: float, davg: np.ndarray, dstd: np.ndarray, columns: int = 4):
    """The padded form, blocks by type: descrpt [natoms, nnei, columns], rij [natoms, nnei, 3], nlist [natoms, nnei]."""
    natoms, nnei = len(frame.coord), sum(sel)
    row = np.zeros((natoms, nnei, columns))
    rij = np.zeros((natoms, nnei, 3))
    nlist = np.full((natoms, nnei), -1)
    most = np.zeros(len(sel), int)
    all_edges = edges(frame)
    for i in range(natoms):
        begin = 0
        for t, count in enumerate(sel):
            mine = all_edges[(all_edges[:, 0] == i) & (frame.type[all_edges[:, 1].astype(int)] == t)]
            most[t] = max(most[t], len(mine))
            mine = mine[np.argsort(np.linalg.norm(mine[:, 2:], axis=1))][:count]
            block = slice(begin, begin + len(mine))
            nlist[i, block] = mine[:, 1]
            rij[i, block] = mine[:, 2:]
            row[i, block] = rows(mine[:, 2:], frame.rcut, rcut_smth)[:, :columns]
            begin += count
    avg, std = (table.reshape(len(sel), nnei, columns)[frame.type] for table in (davg, dstd))
    descrpt = (row - avg) / std
    return descrpt, rij, nlist, most


def force(net_deriv: np.ndarray, in_deriv: np.ndarray, nlist: np.ndarray, nall: int) -> np.ndarray:
    """Forces [nframes, nall, 3] from net_deriv [nframes, nloc, nnei, columns] and in_deriv [..., columns, 3]."""
    g = np.einsum("finaz,fina->finz", in_deriv, net_deriv) * (nlist >= 0)[..., None]
    out = np.zeros((len(nlist), nall, 3))
    out[:, : nlist.shape[1]] -= g.sum(axis=2)
    for f in range(len(nlist)):
        np.add.at(out[f], np.maximum(nlist[f], 0), g[f])
    return out


def virial(net_deriv: np.ndarray, in_deriv: np.ndarray, rij: np.ndarray, nlist: np.ndarray, nall: int) -> np.ndarray:
    """Atomic virials [nframes, nall, 9]."""
    g = np.einsum("finaz,fina->finz", in_deriv, net_deriv) * (nlist >= 0)[..., None]
    out = np.zeros((len(nlist), nall, 3, 3))
    for f in range(len(nlist)):
        np.add.at(out[f], np.maximum(nlist[f], 0), g[f][..., :, None] * rij[f][..., None, :])
    return out.reshape(len(nlist), nall, 9)

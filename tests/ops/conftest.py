from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from deepmd_tf import ops

from ..kernels.systems import FRAMES
from . import gpu_faces

SEL = (8, 9, 7)
NNEI = sum(SEL)
RCUT_SMTH = 0.8
PERIODIC_MESH = np.zeros(6, np.int32)
OPEN_MESH = np.zeros(0, np.int32)


COLUMNS = {"a": 4, "r": 1}


@dataclass
class Batch:
    """The tensors that ProdEnvMatA and ProdEnvMatR take, as arrays that a test may spoil."""

    coord: np.ndarray
    type: np.ndarray
    natoms: np.ndarray
    box: np.ndarray
    mesh: np.ndarray
    davg: np.ndarray
    dstd: np.ndarray
    rcut: float = 4.0
    rcut_smth: float = RCUT_SMTH
    sel: tuple[int, ...] = SEL
    descriptor: str = "a"

    def __call__(self, *, counted: bool = False):
        op = getattr(ops, f"prod_env_mat_{self.descriptor}{'_counted' if counted else ''}")
        tensors = (self.coord, self.type, self.natoms, self.box, self.mesh, self.davg, self.dstd)
        if self.descriptor == "r":
            return op(*tensors, self.rcut, self.rcut_smth, self.sel)
        return op(*tensors, -1.0, self.rcut, self.rcut_smth, self.sel, [0] * len(self.sel))


def make_batch(rng, name: str = "triclinic", nframes: int = 2, dtype=np.float64, descriptor: str = "a") -> Batch:
    """Frames that differ in positions, cells and types, from a named frame."""
    frame = FRAMES[name]
    natoms = len(frame.coord)
    stretch = 1.0 + 0.02 * np.arange(nframes)[:, None, None]
    coord = frame.coord * stretch + rng.normal(size=(nframes, natoms, 3)) * 0.05
    types = np.stack([rng.permutation(frame.type) for _ in range(nframes)])
    table = (len(SEL), NNEI * COLUMNS[descriptor])
    return Batch(
        coord=coord.reshape(nframes, -1).astype(dtype),
        type=types.astype(np.int32),
        natoms=np.array([natoms, natoms, *np.bincount(frame.type, minlength=len(SEL))], np.int32),
        box=(frame.cell * stretch).reshape(nframes, 9).astype(dtype),
        mesh=PERIODIC_MESH if all(frame.pbc) else OPEN_MESH,
        davg=rng.normal(size=table).astype(dtype),
        dstd=rng.uniform(0.5, 2.0, table).astype(dtype),
        rcut=frame.rcut,
        descriptor=descriptor,
    )


@dataclass
class Slots:
    """The tensors that the force and virial ops take."""

    net_deriv: tf.Tensor
    in_deriv: tf.Tensor
    rij: tf.Tensor
    nlist: tf.Tensor
    natoms: np.ndarray
    nnei: int
    descriptor: str = "a"

    def force(self, net_deriv=None):
        net_deriv = self.net_deriv if net_deriv is None else net_deriv
        if self.descriptor == "r":
            return ops.prod_force_se_r(net_deriv, self.in_deriv, self.nlist, self.natoms)
        return ops.prod_force_se_a(net_deriv, self.in_deriv, self.nlist, self.natoms, self.nnei)

    def virial(self, net_deriv=None):
        net_deriv = self.net_deriv if net_deriv is None else net_deriv
        if self.descriptor == "r":
            return ops.prod_virial_se_r(net_deriv, self.in_deriv, self.rij, self.nlist, self.natoms)
        return ops.prod_virial_se_a(net_deriv, self.in_deriv, self.rij, self.nlist, self.natoms, self.nnei)


def make_slots(
    rng, nframes: int = 2, nloc: int = 4, nall: int = 6, nnei: int = 3, dtype=np.float64, descriptor: str = "a"
) -> Slots:
    """Random slots, a quarter of them empty."""

    def random(width):
        return tf.constant(rng.normal(size=(nframes, nloc * nnei * width)).astype(dtype))

    shape = (nframes, nloc * nnei)
    nlist = np.where(rng.random(shape) < 0.25, -1, rng.integers(0, nall, shape)).astype(np.int32)
    natoms = np.array([nloc, nall, nloc], np.int32)
    columns = COLUMNS[descriptor]
    net_deriv, in_deriv = random(columns), random(columns * 3)
    return Slots(net_deriv, in_deriv, random(3), tf.constant(nlist), natoms, nnei, descriptor)


@pytest.fixture(params=list(COLUMNS))
def descriptor(request):
    return request.param


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture
def emulated_ops():
    """Skip the test where the faces for GPUs were not built on emulated kernels."""
    try:
        gpu_faces.load()
    except ImportError as error:
        pytest.skip(str(error))

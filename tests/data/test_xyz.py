"""Extended XYZ files: what ASE writes is what is read, with the right signs; wrong keys are never silent."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from deepmd_tf.config.xyz_keys import XyzKeysConfig
from deepmd_tf.data import check_labels, load_systems
from deepmd_tf.errors import InputError
from deepmd_tf.infer.ase import DP

from ..models import native_file, native_potential

ALLOY = ("Au", "Cu")


@pytest.fixture
def said(caplog):
    """The messages that reading logs."""
    logger = logging.getLogger("deepmd_tf")
    before, logger.propagate = (logger.propagate, logger.level), True
    logger.setLevel(logging.INFO)
    caplog.set_level(logging.INFO)
    yield caplog
    logger.propagate = before[0]
    logger.setLevel(before[1])


def alloy(seed: int, natoms: int = 4) -> Atoms:
    """A compressed, distorted cell with the energy, forces and stress of EMT."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True).repeat((1 if natoms == 4 else 2, 1, 1))
    atoms.set_cell(atoms.cell * 0.93 + rng.normal(0, 0.03, (3, 3)), scale_atoms=True)
    atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    atoms.numbers[rng.permutation(len(atoms))[: 1 + seed % 2]] = 79
    atoms.calc = EMT()
    atoms.get_forces(), atoms.get_stress()
    return atoms


def virial_by_strain(atoms: Atoms, step: float = 1e-5) -> np.ndarray:
    """-dE/dstrain of EMT, eV ``[9]``."""
    result = np.zeros((3, 3))
    for a in range(3):
        for b in range(3):
            energies = []
            for sign in (1, -1):
                strained, strain = atoms.copy(), np.eye(3)
                strain[a, b] += sign * step
                strained.set_cell(atoms.cell @ strain, scale_atoms=True)
                strained.calc = EMT()
                energies.append(strained.get_potential_energy())
            result[a, b] = -(energies[0] - energies[1]) / (2 * step)
    return result.ravel()


def test_what_ase_writes(tmp_path):
    images = [alloy(seed, 4 + 4 * (seed % 3 == 0)) for seed in range(5)]
    path = str(tmp_path / "alloy.xyz")
    write(path, images, format="extxyz")
    (system,) = load_systems(path, ALLOY)
    assert (system.path, system.nframes, system.natoms, system.mixed) == (path, 5, 8, True)
    assert system.labels == {"energy", "force", "virial"}
    for number, atoms in enumerate(images):
        ((_, frame),) = system.frames([number]).without_padding()
        assert frame.type[0].tolist() == [ALLOY.index(name) for name in atoms.get_chemical_symbols()]
        np.testing.assert_allclose(frame.coord[0], atoms.positions, atol=1e-7)
        np.testing.assert_allclose(frame.box[0], np.array(atoms.cell), atol=1e-7)
        np.testing.assert_allclose(frame.energy[0], atoms.get_potential_energy(), atol=1e-7)
        np.testing.assert_allclose(frame.force[0], atoms.get_forces(), atol=1e-7)
    batch = system.frames([2, 0, 3])
    assert batch.real.sum(axis=1).tolist() == [4, 8, 8]


@pytest.mark.parametrize("form", ["voigt", "matrix", "virial"])
def test_sign_of_stress_and_virial(tmp_path, form):
    """Against finite differences of the energy; a compressed crystal has a positive virial."""
    atoms = alloy(1)
    expected = virial_by_strain(atoms)
    assert expected.reshape(3, 3).trace() > 1
    stress, volume = atoms.get_stress(voigt=False), atoms.get_volume()
    bare = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    bare.info |= {"e": atoms.get_potential_energy()} | {
        "voigt": {"my_stress": atoms.get_stress()},
        "matrix": {"my_stress": stress},
        "virial": {"my_virial": -stress * volume},
    }[form]
    write(tmp_path / "a.xyz", bare, format="extxyz")
    name = "my_virial" if form == "virial" else "my_stress"
    keys = XyzKeysConfig(energy="e", **{name.removeprefix("my_"): name})
    (system,) = load_systems([tmp_path / "a.xyz"], ALLOY, keys)
    np.testing.assert_allclose(system.frames().virial[0], expected, atol=2e-5)


def test_the_virial_is_that_of_a_model(tmp_path):
    """What a model's calculator writes comes back as the virial of the model: both signs are the same."""
    atoms = Atoms("OHH", [[0.1, 0.2, 0.3], [1.1, 0.3, 0.2], [0.2, 1.2, 0.4]], cell=7 * np.eye(3), pbc=True)
    atoms.calc = DP(native_file("one_side"))
    virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    atoms.get_forces()
    write(tmp_path / "w.xyz", atoms, format="extxyz")
    (system,) = load_systems([tmp_path / "w.xyz"], ("O", "H"))
    np.testing.assert_allclose(system.frames().virial[0], virial.ravel(), atol=1e-8)
    found = native_potential("one_side").eval(atoms.positions, np.array(atoms.cell), [0, 1, 1])
    np.testing.assert_allclose(system.frames().virial, found[2], atol=1e-6)


def simple(pbc=True, **calc) -> Atoms:
    atoms = Atoms("CuAu", [[0, 0, 0], [2.5, 0, 0]], cell=[5, 6, 7], pbc=pbc)
    atoms.calc = SinglePointCalculator(atoms, **calc)
    return atoms


def test_frames_of_different_kinds_are_systems_of_their_own(tmp_path):
    images = [
        simple(energy=1.0, forces=np.ones((2, 3))),
        simple(energy=2.0),
        simple(pbc=False, energy=3.0, forces=np.ones((2, 3))),
        simple(energy=4.0, forces=np.zeros((2, 3))),
    ]
    write(tmp_path / "m.xyz", images, format="extxyz")
    systems = load_systems(str(tmp_path / "m.xyz"), ALLOY)
    assert [(s.periodic, sorted(s.labels), s.frames().energy.tolist()) for s in systems] == [
        (True, ["energy", "force"], [1, 4]),
        (True, ["energy"], [2]),
        (False, ["energy", "force"], [3]),
    ]
    assert systems[0].path.endswith("m.xyz (periodic frames with energy force)")
    assert systems[0].type.tolist() == [1, 0]


def test_labels_under_other_names(tmp_path, said):
    atoms = Atoms("CuAu", [[0, 0, 0], [2.5, 0, 0]])
    atoms.info |= {"REF_energy": -3.5, "temperature": [0.5, 1.0]}
    atoms.arrays |= {
        "REF_forces": np.arange(6.0).reshape(2, 3),
        "site": np.array([0.25, 0.75]),
        "spin": np.ones((2, 2)),
    }
    write(tmp_path / "r.extxyz", atoms, format="extxyz")
    keys = XyzKeysConfig("REF_energy", "REF_forces", atom_ener="site", fparam="temperature", aparam="spin")
    (system,) = load_systems([tmp_path / "r.extxyz"], ALLOY, keys)
    batch = system.frames()
    assert batch.box is None and not system.periodic
    assert batch.energy.tolist() == [-3.5]
    assert batch.force.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert batch.atom_ener.tolist() == [[0.25, 0.75]]
    assert batch.fparam.tolist() == [[0.5, 1.0]]
    assert batch.aparam.shape == (1, 2, 2)
    assert any("energy of 1 of 1 frames, key 'REF_energy'" in message for message in said.messages)


def test_absent_labels_are_reported_with_the_keys_there_are(tmp_path, said):
    atoms = Atoms("CuAu", [[0, 0, 0], [2.5, 0, 0]])
    atoms.info["REF_energy"] = 1.0
    atoms.arrays["REF_forces"] = np.ones((2, 3))
    write(tmp_path / "r.xyz", atoms, format="extxyz")
    (system,) = load_systems([tmp_path / "r.xyz"], ALLOY)
    assert not system.labels
    for key in ("energy", "force"):
        assert any(
            f"has {key} under the key" in m and "REF_energy, REF_forces" in m and "xyz_keys" in m for m in said.messages
        )


def test_a_key_that_no_frame_has_is_an_error(tmp_path):
    write(tmp_path / "r.xyz", simple(energy=1.0), format="extxyz")
    with pytest.raises(InputError, match=r"xyz_keys\.energy: no frame has 'energie', did you mean 'energy'\?; keys.*"):
        load_systems([tmp_path / "r.xyz"], ALLOY, XyzKeysConfig(energy="energie"))
    assert not load_systems([tmp_path / "r.xyz"], ALLOY, XyzKeysConfig(energy=None))[0].labels


HEAD = 'Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3'
ATOM = "Cu 0 0 0\n"
BROKEN = {
    "no such species": (f"1\n{HEAD}\nFe 0 0 0\n", ["frame 0", "'Fe' (atom 0)", "type_map"]),
    "no element": (f"1\n{HEAD}\nQq 0 0 0\n", ["frame 0", "Qq"]),
    "nan": (f"1\n{HEAD}\nCu 0 nan 0\n", ["frame 0", "atom 0", "coord", "nan"]),
    "infinite energy": (f"1\n{HEAD} energy=inf\n{ATOM}", ["frame 0", "energy", "inf"]),
    "energy in words": (f"1\n{HEAD} energy=low\n{ATOM}", ["frame 0", "energy", "1 numbers", "low"]),
    "energy true": (f"1\n{HEAD} energy=T\n{ATOM}", ["frame 0", "energy", "1 numbers", "True"]),
    "stress false": (f'1\n{HEAD} stress="T F F F T F F F T"\n{ATOM}', ["frame 0", "stress", "9-long"]),
    "parameters false": (f'1\n{HEAD} fp="T F"\n{ATOM}', ["frame 0", "fp", "k numbers", "True"]),
    "stress of seven": (f'1\n{HEAD} virial="1 2 3 4 5 6 7"\n{ATOM}', ["frame 0", "virial", "9-long"]),
    "partly periodic": (f'1\n{HEAD} pbc="T T F"\n{ATOM}', ["frame 0", "along x and y only", "vacuum"]),
    "flat cell": (
        f"1\n{HEAD.replace('0 0 5', '0 0 0')}\n{ATOM}",
        ["frame 0", "span a volume"],
    ),
    "cut": (f"1\n{HEAD}\n{ATOM}3\n{HEAD}\n{ATOM}", ["frame 1", "extended XYZ"]),
    "no number": (f"one\n{HEAD}\n{ATOM}", ["frame 0", "extended XYZ"]),
    "empty": ("", ["empty file"]),
    "binary": (b"\xff\xfe\x00\x01", ["extended XYZ"]),
    "two widths": (
        f'1\n{HEAD} fp="1 2"\n{ATOM}1\n{HEAD} fp="1 2 3"\n{ATOM}',
        ["fparam", "same number"],
    ),
    "contradiction": (
        f'1\n{HEAD} virial="1 0 0 0 1 0 0 0 1" stress="0.008 0 0 0 0.008 0 0 0 0.008"\n{ATOM}',
        ["frame 0", "virial and stress contradict", "null"],
    ),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_bad_files(tmp_path, text, words):
    path = tmp_path / "bad.xyz"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        load_systems([path], ALLOY[1:], XyzKeysConfig(fparam="fp") if "fp=" in str(text) else None)
    for word in ("bad.xyz", *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_virial_and_stress_that_agree(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(f'1\n{HEAD} virial="1 0 0 0 1 0 0 0 1" stress="-0.008 0 0 0 -0.008 0 0 0 -0.008"\n{ATOM}')
    assert load_systems([path], ALLOY)[0].frames().virial[0].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_no_such_file():
    with pytest.raises(InputError, match=r"system nowhere\.xyz: no such file .*current directory"):
        load_systems(["nowhere.xyz"], ALLOY)


def test_a_molecule_is_open(tmp_path):
    write(tmp_path / "m.xyz", molecule("H2O"), format="extxyz")
    (system,) = load_systems([tmp_path / "m.xyz"], ("O", "H"))
    assert not system.periodic and system.frames().box is None


def test_absent_labels_are_named_by_their_keys(tmp_path):
    (tmp_path / "bare.xyz").write_text(f"1\n{HEAD}\n{ATOM}")
    (system,) = load_systems([tmp_path / "bare.xyz"], ALLOY, XyzKeysConfig(energy=None))
    for label, words in {
        "force": r"bare.xyz: expected force \(key 'forces'\), found none",
        "virial": r"expected virial \(key 'virial' or 'stress'\), found none",
        "energy": r"expected energy \(no key in xyz_keys.energy\), found none",
    }.items():
        with pytest.raises(InputError, match=words):
            check_labels([system], [label])
    with pytest.raises(
        InputError, match=r"expected 2 numbers per frame in fparam .*, got no fparam \(no key in xyz_keys"
    ):
        check_labels([system], numb_fparam=2)

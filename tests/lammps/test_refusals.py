"""What cannot be right is an error that says why, on every rank."""

from __future__ import annotations

import pytest

from ..frames import make_frame
from ..models import graph_file, native_file
from .lammps import data_file

NAMES = ("O", "H")
NATIVE = str(native_file("one_side"))
SCRIPT = """units {units}
newton {newton}
atom_style atomic
atom_modify map array
read_data atoms.data
{before}
pair_style deepmd {style}
pair_coeff {coeff}
run 0
"""
DEFAULTS = {"units": "metal", "newton": "on", "before": "", "style": NATIVE, "coeff": "* * O H"}
CASES = {
    "unknown element": ({"coeff": "* * O C"}, "the model does not know the element C; it was trained for O H"),
    "too few elements": ({"coeff": "* * O"}, "expected the names of 2 elements, one for each atom type, got 1"),
    "too many elements": ({"coeff": "* * O H H"}, "expected the names of 2 elements"),
    "swapped elements": ({"coeff": "* * H O"}, "atom type 1 is taken for H but has the mass 15.99"),
    "pairs": ({"coeff": "1 2 O H"}, "Pair_coeff must start with * *"),
    "no file": ({"style": "absent.pb"}, "absent.pb: cannot read the frozen graph"),
    "no graph": ({"style": ""}, "expected the name of a graph file"),
    "not a graph": ({"style": "atoms.data"}, "atoms.data: not a frozen graph"),
    "type maps": ({"style": f"{NATIVE} {native_file('three_types')}"}, "type map O C H, expected that of"),
    "keyword": ({"style": f"{NATIVE} out_freq 10 frequency 10"}, "unknown keyword frequency"),
    "other keyword": ({"style": f"{NATIVE} ttm 1"}, "ttm: this keyword is not supported"),
    "value": ({"style": f"{NATIVE} out_freq often"}, "out_freq: expected a number, got often"),
    "negative": ({"style": f"{NATIVE} out_freq -1"}, "out_freq: expected a number of steps"),
    "level": ({"style": f"{NATIVE} relative -1"}, "relative: expected a level of at least 0"),
    "no value": ({"style": f"{NATIVE} out_file"}, "out_file: expected a value"),
    "file": ({"style": f"{NATIVE} {graph_file('one_side')} out_file no/where"}, "out_file: cannot write no/where"),
    "parameters": ({"style": f"{NATIVE} fparam 1.0"}, "fparam: the model takes 0 numbers, got 1"),
    "no parameters": ({"style": str(native_file("fparam_aparam"))}, "fparam: the model takes 1 numbers, got 0"),
    "units": ({"units": "lj"}, "expected units metal or real, got lj"),
    "newton": ({"newton": "off"}, "requires newton on"),
    "near": (
        {"before": "displace_atoms all move 0 0 0\nset atom 1 x 0.1 y 0.1 z 0.1\nset atom 2 x 0.1 y 0.1 z 0.103"},
        "nearest to each other are the atoms with IDs",
    ),
}


def script_of(**changes: str) -> str:
    return SCRIPT.format(**{**DEFAULTS, **changes})


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return {"atoms.data": data_file(make_frame("triclinic"), NAMES)}


@pytest.mark.parametrize("name", CASES)
def test_refusals(lammps, files, name):
    changes, message = CASES[name]
    run = lammps.run(script_of(**changes), files=files)
    assert run.status != 0
    assert message in run.output


def test_several_ranks_stop(lammps, files):
    run = lammps.run(script_of(coeff="* * O C"), files=files, ranks=2)
    assert run.status != 0 and "does not know the element C" in run.output


def test_no_elements_are_those_of_the_type_map(lammps, files):
    with_names, without = (lammps.check(script_of(coeff=coeff), files=files) for coeff in ("* * O H", "* *"))
    assert with_names.thermo()[0]["E_pair"] == without.thermo()[0]["E_pair"]
    swapped = {"atoms.data": data_file(make_frame("triclinic"), ("H", "O"))}
    assert "atom type 1 is taken for O but has the mass" in lammps.run(script_of(coeff="* *"), files=swapped).output


@pytest.mark.parametrize("masses", [(2.014, 15.999), (10.0, 10.0), (15.999, 15.999)])
def test_masses_of_isotopes_and_made_up_ones(lammps, files, masses):
    """Only masses that are those of another element say that elements were confused."""
    lines = f"mass 1 {max(masses)}\nmass 2 {min(masses)}"
    assert lammps.check(script_of(before=lines), files=files).thermo()[0]["E_pair"].size == 1


def test_more_neighbors_than_slots(lammps):
    """A portable graph leaves neighbors out, and says so."""
    text = """units metal
atom_style atomic
atom_modify map array
region box block 0 8 0 8 0 8
create_box 2 box
lattice sc 1.4
create_atoms 2 region box
mass 1 15.999
mass 2 1.008
pair_style deepmd {}
pair_coeff * * O H
run 0
"""
    portable, native = (lammps.check(text.format(file("one_side"))) for file in (graph_file, native_file))
    assert "neighbors H but this portable graph takes 16" in portable.output
    assert "WARNING: pair_style deepmd" not in native.output


def test_bonded_neighbors_are_not_forgotten(lammps, files):
    """LAMMPS leaves bonded neighbors out of its lists unless special_bonds says otherwise."""
    text = files["atoms.data"].replace("2 atom types", "2 atom types\n1 bonds\n1 bond types\n4 extra bond per atom")
    head, _, atoms = text.partition("Atoms\n\n")
    rows = [line.split() for line in atoms.splitlines()]
    body = "\n".join(f"{row[0]} 1 {' '.join(row[1:])}" for row in rows)
    bonded = {"atoms.data": f"{head}Atoms\n\n{body}\n\nBonds\n\n1 1 1 2\n"}
    style = (
        script_of()
        .replace("atom_style atomic", "atom_style bond")
        .replace("pair_style", "bond_style zero\nbond_coeff *\npair_style")
    )
    refused = lammps.run(style, files=bonded)
    assert refused.status != 0 and "special_bonds lj/coul 1 1 1" in refused.output
    allowed = lammps.check("special_bonds lj/coul 1 1 1\n" + style, files=bonded)
    plain = lammps.check(script_of(), files=files)
    assert allowed.thermo()[0]["E_pair"] == pytest.approx(plain.thermo()[0]["E_pair"], rel=1e-12)

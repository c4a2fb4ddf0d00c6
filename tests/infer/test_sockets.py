"""Drivers that request forces through a socket, such as i-PI."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.socketio import SocketIOCalculator
from ase.io import read

from deepmd_tf.infer.ase import DP

from ..frames import make_frame
from ..models import graph_file, native_potential
from .test_ase import NAME, make_atoms

EXAMPLE = Path(__file__).parents[2] / "examples" / "water" / "ipi"


@pytest.fixture
def address():
    return f"deepmd-test-{os.getpid()}"


def client_module():
    spec = importlib.util.spec_from_file_location("client", EXAMPLE / "client.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_socket_of_ase(address):
    """Results through the socket equal those of the calculator, for changing positions and cells."""

    def serve():
        atoms = make_atoms(calculator=DP(native_potential(NAME)))
        atoms.positions[:], atoms.cell[:] = 0, np.eye(3)
        client_module().connect(address, patience=20).run(atoms, use_stress=True)

    thread = threading.Thread(target=serve)
    atoms, frame = make_atoms(), make_frame("triclinic")
    with SocketIOCalculator(unixsocket=address, timeout=20) as server:
        thread.start()
        atoms.calc = server
        for step in range(3):
            atoms.set_cell(frame.cell * (1 + 0.01 * step), scale_atoms=True)
            atoms.rattle(0.02 * step, seed=step)
            alone = atoms.copy()
            alone.calc = DP(native_potential(NAME))
            assert atoms.get_potential_energy() == pytest.approx(alone.get_potential_energy(), abs=1e-10)
            np.testing.assert_allclose(atoms.get_forces(), alone.get_forces(), rtol=0, atol=1e-9)
            np.testing.assert_allclose(atoms.get_stress(), alone.get_stress(), rtol=0, atol=1e-10)
    thread.join(20)
    assert not thread.is_alive()


def test_no_server(address):
    with pytest.raises(SystemExit, match=rf"no i-PI at /tmp/ipi_{address} after 0 s"):
        client_module().connect(address, patience=0.2)


@pytest.mark.slow
def test_example_with_ipi(tmp_path, address):
    """The energies in i-PI are those of the calculator, and the conserved quantity is conserved."""
    for name in ("client.py", "start.xyz"):
        shutil.copy(EXAMPLE / name, tmp_path)
    text = (EXAMPLE / "input.xml").read_text()
    for pattern, new in (("deepmd-water", address), ("nbeads='8'", "nbeads='2'"), ("(?<=<total_steps>)200", "4")):
        text, count = re.subn(pattern, new, text)
        assert count == 1
    (tmp_path / "input.xml").write_text(text)
    ipi = Path(sys.executable).with_name("i-pi")
    with subprocess.Popen([ipi, "input.xml"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        command = [sys.executable, "client.py", graph_file(NAME), "--address", address]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
        output, _ = server.communicate(timeout=60)
    assert server.returncode == 0, output
    table = np.loadtxt(tmp_path / "water.out")
    atoms = read(EXAMPLE / "start.xyz", format="xyz")
    cell = float((EXAMPLE / "start.xyz").read_text().split()[3])
    atoms.set_cell([cell] * 3)
    atoms.pbc, atoms.calc = True, DP(native_potential(NAME))
    assert table.shape[0] == 5
    assert table[0, 5] == pytest.approx(atoms.get_potential_energy(), rel=1e-6)
    assert np.ptp(table[:, 5]) > 100 * np.ptp(table[:, 2])

"""Give i-PI the energies, forces and virials of a frozen model, through ASE's socket client.

    i-pi input.xml &
    python client.py ../se_e2_a_tebd/graph.pb

Several clients may serve one i-PI, which hands the beads round among them.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path

from ase.calculators.socketio import SocketClient
from ase.io import read

from deepmd_tf.infer.ase import DP

HERE = Path(__file__).resolve().parent


def connect(address: str, patience: float) -> SocketClient:
    """Wait for i-PI, which makes its socket some seconds after it starts."""
    path, until = Path(f"/tmp/ipi_{address}"), time.monotonic() + patience
    while time.monotonic() < until:
        if path.exists():
            with contextlib.suppress(ConnectionRefusedError):
                return SocketClient(unixsocket=address)
        time.sleep(0.2)
    raise SystemExit(f"no i-PI at {path} after {patience:.0f} s; is it running?")


def main() -> None:
    """Serve until i-PI says that it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a frozen model, graph.pb")
    parser.add_argument("--atoms", default=HERE / "start.xyz", help="which atoms, in i-PI's order (default: start.xyz)")
    parser.add_argument("--address", default="deepmd-water", help="as in input.xml (default: %(default)s)")
    parser.add_argument("--wait", type=float, default=60.0, help="for i-PI, in s (default: %(default)s)")
    arguments = parser.parse_args()

    # Elements only: i-PI sends cell and positions before it asks for anything.
    atoms = read(arguments.atoms, format="xyz")
    atoms.pbc = True
    atoms.calc = DP(arguments.model)
    connect(arguments.address, arguments.wait).run(atoms, use_stress=True)


if __name__ == "__main__":
    main()

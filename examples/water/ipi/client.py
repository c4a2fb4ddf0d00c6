"""Send energies, forces and virials of a frozen model to i-PI, through ASE's socket client.

    i-pi input.xml &
    python client.py ../se_e2_a_tebd/graph.pb

Several clients may serve one i-PI, which distributes the beads over them.
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
    """Wait for i-PI, which creates its socket some seconds after it starts, and connect to it."""
    path, until = Path(f"/tmp/ipi_{address}"), time.monotonic() + patience
    while time.monotonic() < until:
        if path.exists():
            with contextlib.suppress(ConnectionRefusedError):
                return SocketClient(unixsocket=address)
        time.sleep(0.2)
    raise SystemExit(f"no i-PI at {path} after {patience:.0f} s; is it running?")


def main() -> None:
    """Serve i-PI until its run is complete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a frozen model, graph.pb")
    parser.add_argument("--atoms", default=HERE / "start.xyz", help="atoms in i-PI's order (default: start.xyz)")
    parser.add_argument("--address", default="deepmd-water", help="socket, as in input.xml (default: %(default)s)")
    parser.add_argument("--wait", type=float, default=60.0, help="time to wait for i-PI, in s (default: %(default)s)")
    arguments = parser.parse_args()

    # Only the elements matter: i-PI sends cell and positions before its first request.
    atoms = read(arguments.atoms, format="xyz")
    atoms.pbc = True
    atoms.calc = DP(arguments.model)
    connect(arguments.address, arguments.wait).run(atoms, use_stress=True)


if __name__ == "__main__":
    main()

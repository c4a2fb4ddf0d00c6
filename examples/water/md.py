"""Run a short NVE simulation of liquid water with a frozen model and print how well it conserves energy.

    python md.py se_e2_a_tebd/graph.pb

The run starts from a validation frame, which is not used in training, with velocities drawn at 300 K.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from ase import units
from ase.md.verlet import VelocityVerlet

from deepmd_tf.infer.ase import DP

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from labeling import read_frame, thermalize  # noqa: E402


def main() -> None:
    """Run the simulation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a frozen model, graph.pb")
    parser.add_argument("--frame", type=int, default=0, help="frame of data_3 to start from (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=100, help="number of steps (default: %(default)s)")
    parser.add_argument("--time-step", type=float, default=0.5, help="time step in fs (default: %(default)s)")
    parser.add_argument("--temperature", type=float, default=300.0, help="initial, in K (default: %(default)s)")
    arguments = parser.parse_args()

    atoms, _ = read_frame(HERE / "data_3", arguments.frame)
    atoms.calc = DP(arguments.model)
    thermalize(atoms, arguments.temperature, np.random.default_rng(1))

    times, totals = [], []
    interval = max(1, arguments.steps // 10)
    print("    step   time/fs   potential/eV   kinetic/eV       total/eV   temperature/K")

    def record() -> None:
        potential, kinetic = atoms.get_potential_energy(), atoms.get_kinetic_energy()
        times.append(dynamics.get_time() / units.fs)
        totals.append(potential + kinetic)
        step = dynamics.get_number_of_steps()
        if step % interval == 0:
            temperature = atoms.get_temperature()
            print(
                f"{step:8d} {times[-1]:9.2f} {potential:14.4f} {kinetic:12.4f} {totals[-1]:14.5f} {temperature:15.1f}"
            )

    dynamics = VelocityVerlet(atoms, timestep=arguments.time_step * units.fs)
    dynamics.attach(record, interval=1)
    dynamics.run(arguments.steps)

    natoms, change = len(atoms), np.array(totals) - totals[0]
    print(f"total energy over {times[-1]:.0f} fs, {natoms} atoms, per atom:")
    print(f"  largest deviation from the start {1e3 * np.abs(change).max() / natoms:8.4f} meV/atom")
    print(f"  standard deviation               {1e3 * change.std() / natoms:8.4f} meV/atom")
    if len(times) > 1:
        slope = np.polyfit(np.array(times) / 1e3, change / natoms, 1)[0]
        print(f"  drift (linear fit)               {1e3 * slope:8.4f} meV/atom/ps")


if __name__ == "__main__":
    main()

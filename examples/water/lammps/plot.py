"""Plot the total energy of in.nve, and the O-O radial distribution functions of in.nvt and in.npt.

python plot.py          writes dynamics.png and prints drift, temperatures and density
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

TIME_STEP = 0.00025
"""Time step of in.nve (ps)."""


def drift(path: Path, natoms: int, time_step: float = TIME_STEP) -> tuple[np.ndarray, np.ndarray, float]:
    """Return time (ps), change of the energy per atom (eV) and the slope of its linear fit (eV/atom/ps)."""
    step, _, energy = np.loadtxt(path).T
    time, energy = step * time_step, energy / natoms
    return time, energy - energy[0], float(np.polyfit(time, energy, 1)[0])


def distribution(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return distance (Å) and g(r) of the last average in a file of ``fix ave/time ... mode vector``."""
    lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    begin = max(k for k, words in enumerate(lines) if len(words) == 2)
    rows = np.array(lines[begin + 1 :], float)
    return rows[:, 1], rows[:, 2]


def main() -> None:
    """Plot the output files that exist in the current directory."""
    natoms = int(Path("water.data").read_text().split("atoms")[0].split()[-1])
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    if Path("nve.dat").exists():
        time, energy, slope = drift(Path("nve.dat"), natoms)
        temperature = np.loadtxt("nve.dat")[:, 1]
        left.plot(time, 1e6 * energy, lw=0.7)
        left.set(xlabel="time (ps)", ylabel="total energy (µeV/atom)", title=f"NVE: drift {slope:.1e} eV/atom/ps")
        print(f"NVE: {time[-1]:.2f} ps, drift {slope:.2e} eV/atom/ps, temperature {temperature.mean():.1f} K")
    for name in ("nvt", "npt"):
        path = Path(f"rdf-{name}.dat")
        if path.exists():
            distance, g = distribution(path)
            right.plot(distance, g, label=name.upper())
            print(f"{name.upper()}: g(r) of O-O has its first maximum, {g.max():.2f}, at {distance[g.argmax()]:.2f} Å")
    if Path("npt.dat").exists():
        _, temperature, density = np.loadtxt("npt.dat").T
        print(f"NPT: density {density.mean():.3f} g/cm³, temperature {temperature.mean():.1f} K")
    right.set(xlabel="r (Å)", ylabel="g(r), O-O", xlim=(2, 6))
    right.axhline(1, color="0.8", lw=0.7)
    right.legend()
    figure.savefig("dynamics.png", dpi=150)


if __name__ == "__main__":
    main()

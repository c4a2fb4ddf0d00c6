"""Train a water model from Python, freeze it and predict the forces of a frame that it has not seen."""

import numpy as np

from deepmd_tf import DeepPot, Run, freeze, load_config
from deepmd_tf.train import Reporter

run = Run.prepare(load_config("input.json"))
result = run.train([Reporter()])
freeze(result.checkpoint, "graph.pb")

frame = {name: np.load(f"../data_3/set.000/{name}.npy")[:1] for name in ("coord", "box", "force")}
types = np.loadtxt("../data_3/type.raw", dtype=int)
energy, force, virial = DeepPot("graph.pb").eval(frame["coord"], frame["box"], types)
error = force.ravel() - frame["force"].ravel()
print(f"energy {energy.item():.3f} eV, force RMSE {np.sqrt(np.mean(error**2)):.3f} eV/Å")

"""Print the directory of Eigen's headers: those that TensorFlow ships, else those of the system."""

from importlib.util import find_spec
from pathlib import Path

candidates = [Path("/usr/include/eigen3"), Path("/usr/local/include/eigen3")]
tensorflow = find_spec("tensorflow")
if tensorflow is not None and tensorflow.submodule_search_locations:
    candidates.insert(0, Path(tensorflow.submodule_search_locations[0]) / "include")
print(next((str(path) for path in candidates if (path / "Eigen" / "Core").exists()), ""))

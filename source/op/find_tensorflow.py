"""Print TensorFlow's directory and version as a CMake list, or nothing when it is not installed; does not import it."""

import importlib.metadata
import importlib.util

spec = importlib.util.find_spec("tensorflow")
if spec is not None and spec.submodule_search_locations:
    for name in ("tensorflow-cpu", "tensorflow", "tf-nightly-cpu", "tf-nightly"):
        try:
            print(spec.submodule_search_locations[0], importlib.metadata.version(name), sep=";")
            break
        except importlib.metadata.PackageNotFoundError:
            continue

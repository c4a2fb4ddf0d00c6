"""A plugin that makes the import of TensorFlow fail: ``pytest -p tests.without_tensorflow -m light``."""

import sys

sys.modules["tensorflow"] = None

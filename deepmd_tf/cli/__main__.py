"""Run `dp` with `python -m deepmd_tf.cli`."""

import sys

from deepmd_tf.cli import main

sys.exit(main())

"""`python -m deepmd_tf.cli`, the same as `dp`."""

import sys

from deepmd_tf.cli import main

sys.exit(main())

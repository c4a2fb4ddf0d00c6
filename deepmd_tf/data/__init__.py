"""Batches from data on disk: systems, frames of each step, and input arrays. `pipeline` needs TensorFlow."""

from deepmd_tf.data.batch import Batch
from deepmd_tf.data.batch_size import batch_counts, batch_sizes, draws_per_batch, kept_systems, validation_batches
from deepmd_tf.data.feed import feed
from deepmd_tf.data.load import check_labels, load_system, load_systems
from deepmd_tf.data.probability import system_probabilities
from deepmd_tf.data.sampler import Sampler
from deepmd_tf.data.summary import SummaryRow, summary
from deepmd_tf.data.system import System

__all__ = [
    "Batch",
    "Sampler",
    "SummaryRow",
    "System",
    "batch_counts",
    "batch_sizes",
    "check_labels",
    "draws_per_batch",
    "feed",
    "kept_systems",
    "load_system",
    "load_systems",
    "summary",
    "system_probabilities",
    "validation_batches",
]

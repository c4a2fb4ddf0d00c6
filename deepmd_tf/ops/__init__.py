"""The compiled TensorFlow ops; TensorFlow and the op library are loaded when an op is first asked for.

==========================  ====================================================================================
``prod_env_mat_a``          neighbours and environment matrix -> (descrpt, descrpt_deriv, rij, nlist)
``prod_env_mat_a_counted``  the same, and the largest number of neighbours of each type
``prod_force_se_a``         derivative of the energy with respect to the environment matrix -> forces
``prod_virial_se_a``        the same -> (virial, atomic virial)
==========================  ====================================================================================

Each op's file states its shapes and its gradient.
"""

from deepmd_tf.ops.env_mat import prod_env_mat_a, prod_env_mat_a_counted
from deepmd_tf.ops.force import prod_force_se_a
from deepmd_tf.ops.library import load
from deepmd_tf.ops.messages import said_by_op
from deepmd_tf.ops.virial import prod_virial_se_a

__all__ = ["load", "prod_env_mat_a", "prod_env_mat_a_counted", "prod_force_se_a", "prod_virial_se_a", "said_by_op"]

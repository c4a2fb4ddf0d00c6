"""Run TensorFlow's matrix product on request, with the threads of this process.

Argument: number of threads. Each line of standard input is a JSON object: ``shape`` ``[m, k, n]``, ``dtype``,
``seconds`` to run. Each line of standard output is ``{"gflops": ...}``; a multiplication and its addition count as two
operations.
"""

import json
import os
import sys
import time


def main(threads: str) -> None:
    """Answer requests until the input ends."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # as deepmd_tf sets it
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        m, k, n = request["shape"]
        a = tf.random.stateless_normal([m, k], [1, 2], dtype=request["dtype"])
        b = tf.random.stateless_normal([k, n], [3, 4], dtype=request["dtype"])
        tf.matmul(a, b)
        begin, calls = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begin) < request["seconds"]:
            float(tf.matmul(a, b)[0, 0])  # wait for the product
            calls += 1
        print(json.dumps({"gflops": 2e-9 * m * k * n * calls / elapsed}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Checkpoints: directories that are written atomically.

``model.ckpt-1000/`` holds a TensorFlow checkpoint with the parameters and the state of the optimizer and of the run,
the configuration of the run (``config.json``), and the list of these files with their checksums (``manifest.json``). A
save writes ``.model.ckpt-1000.partial``, syncs it to disk and renames it. While a checkpoint is replaced, the old one
is called ``.model.ckpt-1000.old``, and is still found if the process is killed between the two renames. The text file
``checkpoint`` contains the name of the latest checkpoint.

`writer` writes checkpoints, `stored` reads and verifies them, `places` finds them by name, `earlier` archives
the files of an earlier run, and `lock` prevents two runs from writing the same checkpoints.
"""

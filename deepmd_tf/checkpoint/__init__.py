"""Checkpoints: directories that appear whole or not at all.

``model.ckpt-1000/`` holds a TensorFlow checkpoint with the parameters and the state of optimizer and run, the
configuration of the run (``config.json``), and the list of these files with their checksums (``manifest.json``). A save
writes ``.model.ckpt-1000.partial``, syncs it to disk and renames it. A checkpoint that is replaced becomes
``.model.ckpt-1000.old`` in the meantime, and is still found if the process is killed between the two renames. The text
file ``checkpoint`` names the latest checkpoint.

`writer` writes checkpoints, `stored` reads and verifies them, `places` finds them by name, `earlier` moves the files of
an earlier run, and `lock` keeps a second run away.
"""

"""Parameters that a run takes over from a trained model.

`start` holds the parameters of a checkpoint or a graph and compares them with the input, `species` maps species by
name, and `type_map` converts parameters to another list of species.
"""

"""Initial parameters from a trained model.

`start` stores the parameters of a checkpoint or a frozen graph and compares them with the input, `species` maps species
by name, and `type_map` converts parameters to another list of species.
"""

"""The model: type embedding, descriptor and fitting net assembled into energies, forces and virials."""

"""Frozen graphs: written from a model's parameters, read back for inference or to start training."""

"""Training: schedule, optimiser, checkpoints, learning curve, and the loop that joins them."""

"""Training: schedule, optimizer, checkpoints, learning curve, and the loop that joins them."""

"""Networks: activation functions, layer rules, parameters. Pure maths, thin state."""

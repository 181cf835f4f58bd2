"""How fast gpubot is: `python -m benchmarks` measures, and prints a table."""

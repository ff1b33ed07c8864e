"""How fast genie is, measured beside what it is built on. `python -m benchmarks` runs all."""

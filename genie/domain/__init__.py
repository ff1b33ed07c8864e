"""The rules of genie: pure functions of values, with the clock as an argument."""

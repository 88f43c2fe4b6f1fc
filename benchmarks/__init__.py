"""Measurements of what the project promises: ``python -m benchmarks NAME [--quick] [--json FILE]``.

Each prints a table, then one line a figure: ``NAME ours=… [peer=… ratio=…] target=… met|missed``.
"""

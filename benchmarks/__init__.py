"""Benchmarks: one module each, with `run() -> BenchmarkSection`; `python -m benchmarks [NAME ...]` writes docs/benchmarks.md.

A benchmark compares with something measured in the same run on the same machine (another path, the bare tool), because a ratio
means something on another machine and a time does not.
"""

"""Benchmarks: what Holdfast's promises cost, as ratios against floors measured in the same run (docs/benchmarks.md)."""

"""Benchmarks of provisioning. Every figure is a ratio to a baseline of the same run; see docs/benchmarks.md."""

"""Drills: faults injected on purpose into a running stack, and what its users notice, measured."""

"""Probe, plan, apply. The modules under `engine.transport` are the only door to pyinfra."""

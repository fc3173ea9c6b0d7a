"""Logical shards on running clusters: where they are, and their moves from one cluster to another while they serve."""

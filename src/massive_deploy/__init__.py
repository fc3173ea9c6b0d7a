"""From one topology file to a running, verified, monitored Django stack."""

__version__ = "0.1.0"

"""Alerts as values: roles say in alerts.py what must not happen to them, and Prometheus' rules follow from it."""

"""The checks: every module here is one (audit/check.py says what it exports)."""

# Managed by massive-deploy: edits are overwritten by the next up.
"""The project's settings with the stack's on top."""

from __future__ import annotations

import importlib
import os

from massive_stack import overlay

_project = importlib.import_module(os.environ["PROJECT_SETTINGS_MODULE"])
_own = {name: getattr(_project, name) for name in dir(_project) if name.isupper()}
globals().update(_own)
globals().update(overlay(_own))

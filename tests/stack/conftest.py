"""pyinfra's greenlets need their patches before anything else starts a thread."""

import massive_deploy.engine.transport  # noqa: F401

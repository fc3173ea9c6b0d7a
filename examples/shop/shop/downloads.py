"""Private files: Django decides who gets them, nginx sends them."""

from __future__ import annotations

import logging
import mimetypes
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from django_massive.headers import never_cached

log = logging.getLogger(__name__)


@require_safe
@never_cached
def download(request: HttpRequest, name: str) -> HttpResponseBase:  # noqa: ARG001
    """A file of PRIVATE_ROOT. A real shop asks here whether this visitor bought it."""
    file = Path(settings.PRIVATE_ROOT) / name
    if name.startswith(".") or "/" in name or "\\" in name or not file.is_file():
        raise Http404
    if not settings.X_ACCEL_PREFIX:
        if settings.DEBUG:
            return FileResponse(file.open("rb"), as_attachment=True, filename=name)
        log.error("X_ACCEL_PREFIX is not set: %s is not sent, because a worker would be busy with it", name)
        raise Http404
    response = HttpResponse(content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
    response["X-Accel-Redirect"] = f"{settings.X_ACCEL_PREFIX.rstrip('/')}/{quote(name)}"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    # nginx knows the length; Django's would be that of its empty answer.
    return response

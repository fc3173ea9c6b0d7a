"""Views that the tests ask."""

from __future__ import annotations

import logging

from django.contrib.sitemaps import Sitemap
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path

from django_massive import request_id, sql_comments
from django_massive.headers import cached, never_cached, private


class Products(Sitemap):
    limit = 1

    def items(self) -> list[int]:
        return [7, 8]

    def location(self, item: int) -> str:
        return f"/p/{item}/"


SITEMAPS = {"products": Products}


def listed() -> list[str]:
    return ["/p/6/"]


PAGE = engines["django"].from_string('{% load massive %}{% tags "product-3" %}<p>{% esi "/line/?a=1&b=2" %}</p>')
SHARED = engines["django"].from_string('{% load massive %}<p>{% esi "/shared/" %}</p>')


def rendered(request: HttpRequest, template: object = PAGE) -> HttpResponse:
    return HttpResponse(template.render({}, request))  # type: ignore[attr-defined]


@cached(30, stale_while_revalidate=10, tags=["list"])
def lazy(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, PAGE)


@cached(5, tags=lambda request, pk: [f"product-{pk}"])
def product(request: HttpRequest, pk: int) -> HttpResponse:
    status = int(request.GET.get("status", "200"))
    response = HttpResponse(f"product {pk}", status=status)
    if "cookie" in request.GET:
        response.set_cookie("a", "b")
    if "own" in request.GET:
        response["Cache-Control"] = "private"
    return response


@private()
def line(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"line of {request.COOKIES.get('who', 'nobody')} {request.GET.get('b')}")


@cached(5)
def shared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("for all")


@never_cached
def never(request: HttpRequest) -> HttpResponse:
    return rendered(request)


def comment(request: HttpRequest) -> HttpResponse:
    logging.getLogger("views").warning("seen")
    return HttpResponse(f"{request_id.current()}|{sql_comments.comment()}")


def spoken(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Guten Tag", headers={"Vary": "Accept-Encoding, Origin, Accept-Language"})


urlpatterns = [
    path("", cached(60)(rendered), name="index"),
    path("lazy/", lazy),
    path("p/<int:pk>/", product),
    path("line/", line),
    path("shared/", shared),
    path("of-shared/", cached(60)(lambda request: rendered(request, SHARED))),
    path("never/", never),
    path("bare/", rendered),
    path("comment/", comment, name="shop:comment"),
    path("spoken/", spoken),
    path("text/", lambda request: HttpResponse("text", content_type="text/plain")),
]

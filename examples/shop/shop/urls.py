"""Every address of the shop, save the probes (shop.probes)."""

from __future__ import annotations

from django.urls import path

from catalogue import views as catalogue
from orders import api, cart
from orders import views as orders
from shop import downloads, shards, trials

handler500 = "shop.errors.server_error"

urlpatterns = [
    path("", catalogue.index, name="index"),
    path("p/<slug:slug>/", catalogue.product, name="product"),
    path("today/", catalogue.today, name="today"),
    path("about/", catalogue.about, name="about"),
    path("download/<str:name>", downloads.download, name="download"),
    path("cart/line/", cart.line, name="cart-line"),
    path("cart/", cart.show, name="cart"),
    path("cart/add/<slug:slug>/", cart.add, name="cart-add"),
    path("orders/", orders.place, name="order-place"),
    path("orders/<uuid:pk>/", orders.show, name="order"),
    path("api/orders/", api.orders, name="api-orders"),
    path("api/orders/<uuid:pk>/", api.order, name="api-order"),
    path("api/shards/", shards.index, name="api-shards"),
    # For tests of what stands in front of the site.
    path("slow/", trials.slow),
    path("slow/count/", trials.slow_count),
    path("wait/", trials.wait),
    path("page/1k/", trials.page_1k),
    path("private/whoami/", trials.whoami),
    path("echo/", trials.echo),
    path("touch/product/<slug:which>/", trials.touch_product),
]

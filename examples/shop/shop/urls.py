"""Every address of the shop, save the probes (shop.probes)."""

from __future__ import annotations

from django.urls import path

from catalogue import views as catalogue
from orders import api, cart
from orders import views as orders
from shop import shards

handler500 = "shop.errors.server_error"

urlpatterns = [
    path("", catalogue.index, name="index"),
    path("p/<slug:slug>/", catalogue.product, name="product"),
    path("cart/", cart.show, name="cart"),
    path("cart/add/<slug:slug>/", cart.add, name="cart-add"),
    path("orders/", orders.place, name="order-place"),
    path("orders/<uuid:pk>/", orders.show, name="order"),
    path("api/orders/", api.orders, name="api-orders"),
    path("api/orders/<uuid:pk>/", api.order, name="api-order"),
    path("api/shards/", shards.index, name="api-shards"),
]

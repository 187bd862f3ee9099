"""The ASGI application: HTTP to Django, `/ws/gateway` to the gateway. Plain ASGI, so any server can carry it."""

from __future__ import annotations

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlui.settings")
http_application = get_asgi_application()

# imports that need the app registry come after it is filled
from sessions_app.gateway.consumer import GatewayConsumer  # noqa: E402
from sessions_app.gateway.origin import OriginCheck  # noqa: E402

gateway: Any = GatewayConsumer.as_asgi()
sockets: Any = SessionMiddlewareStack(URLRouter([path("ws/gateway", gateway)]))
application = ProtocolTypeRouter({"http": http_application, "websocket": OriginCheck(sockets)})

"""The API of one local cloud, composed: Compute, Cloud Storage, IAM, Secret Manager, Monitoring and the project's own services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.cloud import Cloud
from localcloud.api.compute import table as compute
from localcloud.api.further_permissions import guarded
from localcloud.api.gateway import Gateway
from localcloud.api.iam import keys, projects, service_accounts, services
from localcloud.api.monitoring import alert_policies, dashboards, notification_channels, time_series
from localcloud.api.operations import Operations
from localcloud.api.quotas import Quotas
from localcloud.api.secretmanager import secrets, versions
from localcloud.api.storage import buckets, object_copies, object_listing, objects, policy_methods, uploads
from localcloud.api.storage.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from localcloud.api.call import Handler
    from localcloud.api.settings import ApiSettings
    from localcloud.clock import Clock
    from localcloud.identity import Identities
    from localcloud.store import Store


def create_app(
    store: Store,
    clock: Clock,
    identities: Identities,
    settings: ApiSettings,
    serial_output: Callable[[str], bytes] = lambda _instance_id: b"",
) -> ASGIApp:
    """Return the ASGI application that answers every Google API of one cloud, on every host name they have.

    Args:
        store: where all documents are; the controllers work on the same.
        clock: the cloud's time.
        identities: whose tokens are good.
        settings: the cloud's fixed facts.
        serial_output: returns all that an instance (by numeric id) wrote to its console.
    """
    content = Content(settings.content)
    cloud = Cloud(
        store=store,
        clock=clock,
        identities=identities,
        settings=settings,
        operations=Operations(store, clock, settings.latencies),
        quotas=Quotas(store, settings),
        content=content,
        serial_output=serial_output,
    )
    content.sweep(objects.every(cloud), uploads.drafts(store))
    return Gateway(cloud, handlers())


def handlers() -> dict[str, Handler]:
    """Return every served method's handler, by method id."""
    table = compute.handlers()
    modules = (
        *(
            buckets,
            objects,
            object_listing,
            object_copies,
            policy_methods,
            service_accounts,
            keys,
            projects,
            services,
        ),
        *(secrets, versions, alert_policies, notification_channels, dashboards, time_series),
    )
    for module in modules:
        table |= module.handlers()
    return {method: guarded(method, handler) for method, handler in table.items()}

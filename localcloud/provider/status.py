"""How calls end that go wrong: the gRPC status, with details that tell the engine what to keep of what was left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from localcloud.provider.errors import ApiError, CancelledByEngineError, ProviderError
from localcloud.provider.values import Properties, Value, to_struct

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from localcloud.provider.errors import PartialError

_DETAILS = "grpc-status-details-bin"
_TYPE_PREFIX = "type.googleapis.com/"


async def partial_failure(
    context: grpc.aio.ServicerContext, error: PartialError, properties: Properties, inputs: Properties
) -> Value:
    """End the call with an error that carries the resource's id, state and inputs."""
    failed = provider_pb2.ErrorResourceInitFailed(
        id=error.id, properties=to_struct(properties), reasons=[str(error)], inputs=to_struct(inputs)
    )
    detail = any_pb2.Any(
        type_url=_TYPE_PREFIX + failed.DESCRIPTOR.full_name, value=failed.SerializeToString()
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.append(detail)
    await context.abort(grpc.StatusCode.UNKNOWN, str(error), ((_DETAILS, status.SerializeToString()),))


async def answered(context: grpc.aio.ServicerContext, work: Coroutine[Value, Value, Value]) -> Value:
    """Await an answer; what goes wrong becomes the call's status, with the message a user reads."""
    try:
        return await work
    except CancelledByEngineError as error:
        await context.abort(grpc.StatusCode.CANCELLED, str(error))
    except ApiError as error:
        await context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except ProviderError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

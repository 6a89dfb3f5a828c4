"""What a program left to its provider: seen in the one request of the engine's that has it.

A provider fills defaults in before any policy sees a resource's inputs, and notes beside them which ones they are. The engine takes
that note out of what it sends to be judged, and leaves it in what it sends to be mended. So this policy stands among those that mend,
mends nothing, and remembers the note for the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_policy import EnforcementLevel, ResourceValidationPolicy

if TYPE_CHECKING:
    from pulumi_policy import ResourceValidationArgs

    from mig_policies.session import Session

NAME: Final = "PACK06"
_NOTE: Final = "__defaults"


def witness(session: Session) -> ResourceValidationPolicy:
    """Return the policy that tells `session` which top-level inputs of a resource the provider filled in."""

    def remember(args: ResourceValidationArgs) -> None:
        # Listing the keys is safe where asking for one may meet an unknown value.
        if _NOTE in list(args.props):
            session.defaulted[args.urn] = frozenset(str(name) for name in args.props[_NOTE])

    return ResourceValidationPolicy(
        name=NAME,
        display_name="What the provider filled in",
        description="Remembers which inputs are the provider's defaults; changes nothing.",
        enforcement_level=EnforcementLevel.REMEDIATE,
        remediate=remember,
        tags=["PACK"],
    )

"""Resources that stand in Azure but not in the engine's state: the next run imports them instead of making them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi

Adoptions = Mapping[tuple[str, str], str]
"""(type token, logical name) -> ARM id."""


def adopting(program: Callable[[], None], adoptions: Adoptions) -> Callable[[], None]:
    """The same program, in which the named resources are imported by their ids."""

    def adopt(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        resource_id = adoptions.get((args.type_, args.name))
        if resource_id is None:
            return None
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(import_=resource_id))
        return pulumi.ResourceTransformationResult(props=args.props, opts=opts)

    def adopting_program() -> None:
        pulumi.runtime.register_stack_transformation(adopt)
        program()

    return adopting_program if adoptions else program

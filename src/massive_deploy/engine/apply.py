"""Apply a plan: packages first, then role after role in stages. The first failure ends the run after its stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.engine.compile import package_step, steps
from massive_deploy.engine.plan import Plan, RolePlan
from massive_deploy.engine.step import Step
from massive_deploy.errors import HostFailure, HostsFailed

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs together: a title and the steps of each host."""

    title: str
    steps: dict[str, list[Step]]


def compile_stages(plan: Plan, generations: Sequence[Sequence[str]]) -> list[Stage]:
    """The stages that have something to do, in order."""
    packages = {host.host: [step] for host in plan.hosts if (step := package_step(host)) is not None}
    stages = [Stage("packages", packages)]
    for generation in generations:
        plans = [role for host in plan.hosts for role in host.roles if role.role in generation]
        at_once = [role for role in plans if role.rolling is None]
        stages.append(_stage(", ".join(generation), at_once))
        for role in generation:
            stages += _batches(role, [one for one in plans if one.role == role])
    return [stage for stage in stages if stage.steps]


def _stage(title: str, plans: Sequence[RolePlan]) -> Stage:
    work: dict[str, list[Step]] = {}
    for plan in plans:
        listed = steps(plan)
        if listed:
            work.setdefault(plan.host, []).extend(listed)
    return Stage(title, work)


def _batches(role: str, plans: Sequence[RolePlan]) -> list[Stage]:
    """Hosts that restart something: a few at a time, each healthy before the next."""
    rolling = [plan for plan in plans if plan.rolling is not None]
    if not rolling or rolling[0].rolling is None:
        return []
    size = max(1, len(plans) * rolling[0].rolling.percent // 100)
    groups = [rolling[n : n + size] for n in range(0, len(rolling), size)]
    return [_stage(f"{role}, batch {n} of {len(groups)}", group) for n, group in enumerate(groups, 1)]


OnStage = Callable[[int, int, Stage], None]
OnStep = Callable[[str, Step, str], None]


def apply(fleet: Fleet, stages: Sequence[Stage], on_stage: OnStage, on_step: OnStep) -> int:
    """Run the stages; returns the number of steps done.

    Raises:
        HostsFailed: a step failed; later stages did not run, what ran before keeps running.
    """
    done = 0
    for number, stage in enumerate(stages, 1):
        on_stage(number, len(stages), stage)
        failures = fleet.perform(stage.steps, on_step)
        if failures:
            raise HostsFailed(
                [HostFailure(f.host, stage.title, f"{f.stage}: {f.step}", f.cause, f.next) for f in failures]
            )
        done += sum(len(listed) for listed in stage.steps.values())
    return done

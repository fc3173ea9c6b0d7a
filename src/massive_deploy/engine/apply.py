"""Apply a plan: packages first, then role after role in stages. The first failure ends the run after its stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from massive_deploy.desired import DRAIN
from massive_deploy.engine.compile import (
    afterwards_steps,
    ahead_steps,
    going_back,
    package_step,
    steps,
    undrain_step,
)
from massive_deploy.engine.plan import Plan, RolePlan
from massive_deploy.engine.step import Step
from massive_deploy.errors import HostFailure, HostsFailed

if TYPE_CHECKING:
    from massive_deploy.engine.transport import Fleet


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs together: a title and the steps of each host; `back` brings a host back when one of them fails."""

    title: str
    steps: dict[str, list[Step]]
    back: dict[str, Step] = field(default_factory=dict)


def compile_stages(plan: Plan, generations: Sequence[Sequence[str]]) -> list[Stage]:
    """The stages that have something to do, in order."""
    packages = {host.host: [step] for host in plan.hosts if (step := package_step(host)) is not None}
    stages = [Stage("packages", packages), Stage("back in service", _left_drained(plan))]
    for generation in generations:
        plans = [role for host in plan.hosts for role in host.roles if role.role in generation]
        stages += _ahead(plans)
        at_once = [role for role in plans if role.rolling is None]
        stages.append(_stage(", ".join(generation), at_once))
        for role in generation:
            stages += _batches(role, [one for one in plans if one.role == role])
    stages.append(_afterwards([role for host in plan.hosts for role in host.roles]))
    return [stage for stage in stages if stage.steps]


def _left_drained(plan: Plan) -> dict[str, list[Step]]:
    """Hosts that a killed run has left drained serve again before another one's turn comes, if they are healthy."""
    found = {}
    for host in plan.hosts:
        for role in host.roles:
            if role.rolling is not None and any(change.path == DRAIN for change in role.files):
                found[host.host] = [undrain_step(role.role)]
    return found


def _stage(title: str, plans: Sequence[RolePlan]) -> Stage:
    work: dict[str, list[Step]] = {}
    for plan in plans:
        listed = steps(plan)
        if listed:
            work.setdefault(plan.host, []).extend(listed)
    back = {plan.host: step for plan in plans if (step := going_back(plan)) is not None}
    return Stage(title, work, back)


def _ahead(plans: Sequence[RolePlan]) -> list[Stage]:
    """What must be done on all hosts before the first one's turn."""
    found = []
    for number in sorted({change.task.ahead for plan in plans for change in plan.tasks} - {0}):
        work: dict[str, list[Step]] = {}
        for plan in plans:
            if listed := ahead_steps(plan, number):
                work.setdefault(plan.host, []).extend(listed)
        roles = dict.fromkeys(step.role for listed in work.values() for step in listed)
        found.append(Stage(f"before {', '.join(roles)}", work))
    return found


def _afterwards(plans: Sequence[RolePlan]) -> Stage:
    """What is only done once nobody needs any more what was before."""
    work: dict[str, list[Step]] = {}
    for plan in plans:
        if listed := afterwards_steps(plan):
            work.setdefault(plan.host, []).extend(listed)
    roles = dict.fromkeys(step.role for listed in work.values() for step in listed)
    return Stage(f"after all others: {', '.join(roles)}", work)


def _batches(role: str, plans: Sequence[RolePlan]) -> list[Stage]:
    """Hosts that restart something: a few at a time, each healthy before the next."""
    rolling = [plan for plan in plans if plan.rolling is not None]
    if not rolling or rolling[0].rolling is None:
        return []
    size = max(1, len(plans) * rolling[0].rolling.percent // 100)
    first = 1 if rolling[0].rolling.back is not None else size
    groups = [rolling[:first], *(rolling[n : n + size] for n in range(first, len(rolling), size))]
    return [_stage(f"{role}, batch {n} of {len(groups)}", group) for n, group in enumerate(groups, 1)]


OnStage = Callable[[int, int, Stage], None]
OnStep = Callable[[str, Step, str], None]


def apply(fleet: Fleet, stages: Sequence[Stage], on_stage: OnStage, on_step: OnStep) -> int:
    """Run the stages; returns the number of steps done.

    Raises:
        HostsFailed: a step failed; later stages did not run, what ran before keeps running. Hosts that could go back
            to what they ran have done so: each failure tells.
    """
    done = 0
    for number, stage in enumerate(stages, 1):
        on_stage(number, len(stages), stage)
        failures = fleet.perform(stage.steps, on_step)
        if failures:
            told = [HostFailure(f.host, stage.title, f"{f.stage}: {f.step}", f.cause, f.next) for f in failures]
            raise HostsFailed(_go_back(fleet, number, len(stages), stage, told, on_stage, on_step))
        done += sum(len(listed) for listed in stage.steps.values())
    return done


def _go_back(
    fleet: Fleet,
    number: int,
    total: int,
    stage: Stage,
    failures: Sequence[HostFailure],
    on_stage: OnStage,
    on_step: OnStep,
) -> list[HostFailure]:
    """The failures, each with how going back went."""
    back = {f.host: [stage.back[f.host]] for f in failures if f.host in stage.back}
    if not back:
        return list(failures)
    on_stage(number, total, Stage(f"{stage.title}: going back", dict(back)))
    stuck = {f.host: f.cause for f in fleet.perform(back, on_step)}
    return [
        replace(f, cause=f"{f.cause}\n{_how_it_went(f.host, stuck.get(f.host))}") if f.host in back else f
        for f in failures
    ]


def _how_it_went(host: str, stuck: str | None) -> str:
    if stuck is None:
        return f"{host} went back by itself to what it ran before, and takes part again"
    return f"{host} could not go back to what it ran before:\n{stuck}"

"""Apply a plan: packages first, then role after role in stages. The first failure ends the run after its stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massive_deploy.engine.compile import package_step, steps
from massive_deploy.engine.plan import Plan
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
        work: dict[str, list[Step]] = {}
        for host in plan.hosts:
            listed = [step for role in host.roles if role.role in generation for step in steps(role)]
            if listed:
                work[host.host] = listed
        stages.append(Stage(", ".join(generation), work))
    return [stage for stage in stages if stage.steps]


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

"""``services`` of a test, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

from farm.matrix.document import ServiceStep
from farm.matrix.rendering import Rendering
from farm.matrix.text import Text
from farm.matrix.view import View
from farm.model.service import Healthcheck, Service


class Services:
    """``late`` says that one of them names facts of the job's image, or a variable ``late_env`` of the job that does."""

    def __init__(self, steps: Sequence[ServiceStep], rendering: Rendering, late_env: frozenset[str]) -> None:
        self._services = tuple(_Service(step, rendering, late_env) for step in steps)
        self.late = any(service.late for service in self._services)

    def of(self, view: View, *, final: bool) -> tuple[Service, ...] | None:
        """Those of a cell, late texts as they are written unless ``final``; None where one is wrong."""
        found = [service.of(view, final) for service in self._services]
        made = tuple(each for each in found if each is not None)
        return made if len(made) == len(found) else None


class _Service:
    """One of them. Its templates have the variables of the job before its own."""

    def __init__(self, step: ServiceStep, rendering: Rendering, late_env: frozenset[str]) -> None:
        self._step = step
        env = []
        for name, template in step.env:
            text = Text(rendering, template, late_env)
            env.append((name, text))
            late_env = late_env | {name} if text.late else late_env - {name}
        self._env = tuple(env)
        self._run = Text(rendering, step.run, late_env)
        self._check = Text(rendering, step.healthcheck.run, late_env) if step.healthcheck else None
        texts = [self._run, *(text for _, text in env), *([self._check] if self._check else [])]
        self.late = any(text.late for text in texts)

    def of(self, view: View, final: bool) -> Service | None:
        step = self._step
        own: dict[str, object] = dict(view.env)
        inner = View(view.distro, view.axes, view.shard, view.early, {**view.scope, "env": own}, own)
        env: dict[str, str | None] = {}
        for name, text in self._env:
            value = text.of(inner)
            own[name] = value or ""
            env[name] = _shown(text, value, final)
        script = _shown(self._run, self._run.of(inner), final)
        check = _shown(self._check, self._check.of(inner), final) if self._check else ""
        if script is None or check is None or None in env.values():
            return None
        return Service(
            name=step.name,
            distro=step.distro,
            argv=(*step.shell, "-c", script),
            script=script,
            env=tuple(sorted((name, value or "") for name, value in env.items())),
            healthcheck=self._healthcheck(check),
            limits=step.limits,
        )

    def _healthcheck(self, script: str) -> Healthcheck | None:
        step = self._step.healthcheck
        if step is None:
            return None
        return Healthcheck((*self._step.shell, "-c", script), step.interval_s, step.retries, step.timeout_s)


def _shown(text: Text, value: str | None, final: bool) -> str | None:
    return text.template.text if text.late and not final and value is not None else value

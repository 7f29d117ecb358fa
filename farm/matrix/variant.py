"""The jobs of a test to which the same includes apply: one ``Spec``, whose templates are rendered cell by cell.

What names no fact of an image is rendered at once. The rest is tried, and stays a template until ``late`` makes a variant
again that knows the facts, which renders everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar  # fields of Job by name

from farm.matrix.artifacts import artifact_texts, artifacts
from farm.matrix.cells import Cell
from farm.matrix.checked import wrong_directory, wrong_hostname, wrong_user
from farm.matrix.document import Spec, Template, Test
from farm.matrix.facts import STAND_IN, awaited, awaited_variable, told
from farm.matrix.mounts import Mounts
from farm.matrix.prepare import Preparations
from farm.matrix.rendering import Rendering
from farm.matrix.services import Services
from farm.matrix.text import Text, View, Wrong
from farm.model.distro import Facts
from farm.model.job import Job

_Value = TypeVar("_Value")


class Variant:
    """``tags`` are those of each distro. Without ``facts`` what names them is late."""

    def __init__(
        self,
        test: Test,
        spec: Spec,
        rendering: Rendering,
        tags: Mapping[str, tuple[str, ...]],
        facts: Facts | None = None,
    ) -> None:
        self._test = test
        self._spec = spec
        self._rendering = rendering
        self._tags = tags
        self._facts = facts
        self._distros: dict[str, tuple[dict[str, object], dict[str, object]]] = {}
        self._shared: dict[object, Any] = {}
        self._env, self._late_env = self._variables()
        self._names = tuple(sorted({name for name, _ in self._env}))
        self._script = self._text(spec.run)
        self._always, self._debug = self._optional(spec.always), self._optional(spec.debug)
        self._condition = self._text(spec.condition, condition=True) if spec.condition else None
        self._summary, self._group = self._early(spec.summary), self._early(spec.group)
        self._user, self._hostname = self._early(spec.user, wrong_user), self._early(spec.hostname, wrong_hostname)
        self._directory = self._early(spec.working_directory, wrong_directory)
        self._mounts = Mounts(spec.mounts, rendering)
        self._artifacts = artifact_texts(spec.artifacts, rendering)
        self._services = Services(spec.services, rendering, self._late_env)
        prepare = spec.prepare if facts is None else None
        self._prepares = Preparations(test, spec, prepare, rendering, tags) if prepare else None
        late = (self._script, self._always, self._debug)
        self._late = bool(self._late_env) or self._services.late or any(each is not None and each.late for each in late)
        texts = (self._summary, self._group, self._user, self._hostname, self._directory, self._always, self._debug)
        self._are_parts_same = all(text is None or text.plain for text in (*texts, *(self._artifacts or ())))
        self._are_parts_same = self._are_parts_same and not spec.services and not spec.mounts
        self._same_parts: dict[str, Any] | None = None
        self._said = " ".join(spec.condition.text.split()) if spec.condition else ""
        self._fixed = self._same_for_all()
        self._check_secrets()

    def job(self, cell: Cell, needs: tuple[str, ...] = (), skipped: str = "") -> Job | None:
        """The job of ``cell``, ``skipped`` for that reason if there is one; None where it is wrong, which is a problem."""
        view = self._view(cell)
        env = self._rendered_env(view)
        decided = self._decided(view)
        script = self._shown(self._script, view)
        parts = self._parts(view)
        prepare = self._prepares.of(cell.distro, cell.axes) if self._prepares else None
        if env is None or decided is None or script is None or parts is None or (self._prepares and prepare is None):
            return None
        late = self._facts is None and decided and not skipped
        undecided = late and self._condition is not None and self._condition.late
        reason = skipped or ("" if decided else f"its if is false: {self._said}")
        return Job(
            id=cell.id,
            distro=cell.distro,
            axes=cell.axes,
            shard=cell.shard,
            script=script,
            argv=self._share((*self._spec.shell, "-c", script)),
            env=env,
            needs=needs,
            prepare=prepare,
            condition=self._said if undecided else reason,
            late=undecided or (late and self._late),
            **parts,
            **self._fixed,
        )

    def _decided(self, view: View) -> bool | None:
        """Whether the job runs, which of a late ``if`` is not known yet: it may. None where that cannot be told."""
        if self._condition is None:
            return True
        holds = self._condition.holds(view)
        return True if holds is not None and self._condition.late and self._facts is None else holds

    def _parts(self, view: View) -> dict[str, Any] | None:
        """Fields of the job that make nothing else of what is rendered; None where one is wrong."""
        if self._same_parts is not None:
            return self._same_parts
        parts: dict[str, Any] = {
            "summary": self._early_text(self._summary, view),
            "group": self._early_text(self._group, view),
            "user": self._early_text(self._user, view),
            "hostname": self._early_text(self._hostname, view),
            "working_directory": self._early_text(self._directory, view) if self._directory else "/",
            "always": self._shown(self._always, view),
            "debug": self._shown(self._debug, view),
            "mounts": self._mounts.of(view),
            "services": self._services.of(view, final=self._facts is not None),
        }
        if self._artifacts is not None:
            parts["artifacts"] = artifacts(self._spec.artifacts, self._artifacts, view, parts["working_directory"])
        if any(value is None for value in parts.values()):
            return None
        found = {name: self._share(value) for name, value in parts.items()}
        if self._are_parts_same:
            self._same_parts = found
        return found

    def _same_for_all(self) -> dict[str, Any]:
        spec = self._spec
        return {
            "test": self._test.name,
            "where": self._rendering.source.where(self._test.place),
            "timeout_s": spec.timeout_s,
            "idle_timeout_s": spec.idle_timeout_s,
            "limits": spec.limits,
            "tags": spec.tags,
            "skip_exit_code": spec.skip_exit_code,
            "no_new_privs": spec.no_new_privs,
            "cap_add": spec.cap_add,
            "shell": spec.shell,
            "secrets": spec.secrets,
            "network": spec.network,
            "privileged": spec.privileged,
            "init": spec.init,
            "expect": spec.expect,
            "retries": spec.retries,
            "priority": spec.priority,
            "max_parallel": spec.max_parallel,
            "fail_fast": spec.fail_fast,
        }

    def _view(self, cell: Cell) -> View:
        known = self._distros.get(cell.distro)
        if known is None:
            tags = self._tags[cell.distro]
            known = awaited(cell.distro, tags), told(cell.distro, tags, self._facts or STAND_IN)
            self._distros[cell.distro] = known
        matrix: dict[str, object] = dict(cell.axes)
        shard = (cell.shard.index, cell.shard.total) if cell.shard else (0, 1)
        job: dict[str, object] = {"name": self._test.name, "shard": shard[0], "shards": shard[1]}
        env: dict[str, object] = {}
        early_env = {} if self._late_env else env
        return View(
            distro=cell.distro,
            axes=cell.axes,
            shard=shard,
            early={"matrix": matrix, "distro": known[0], "job": job, "env": early_env},
            scope={"matrix": matrix, "distro": known[1], "job": job, "env": env},
            env=env,
        )

    def _rendered_env(self, view: View) -> tuple[tuple[str, str], ...] | None:
        """The variables, sorted by name. A wrong one is empty, so that what uses it is not reported too."""
        sound = True
        shown: dict[str, str] = {}
        early = view.early["env"]
        for name, text in self._env:
            value = text.of(view)
            sound = sound and value is not None
            view.env[name] = value or ""
            shown[name] = text.template.text if text.late and self._facts is None else value or ""
            if self._late_env:
                early[name] = awaited_variable(name) if text.late else value or ""
        found = self._share(tuple([(name, shown[name]) for name in self._names]))
        return found if sound else None

    def _variables(self) -> tuple[tuple[tuple[str, Text], ...], frozenset[str]]:
        made: list[tuple[str, Text]] = []
        late: frozenset[str] = frozenset()
        for name, template in self._spec.env:
            text = Text(self._rendering, template, late)
            made.append((name, text))
            late = late | {name} if text.late else late - {name}
        return tuple(made), late if self._facts is None else frozenset()

    def _text(self, template: Template, *, condition: bool = False) -> Text:
        return Text(self._rendering, template, self._late_env, condition=condition)

    def _optional(self, template: Template | None) -> Text | None:
        return self._text(template) if template is not None else None

    def _early(self, template: Template | None, wrong: Wrong | None = None) -> Text | None:
        return Text(self._rendering, template, early=True, wrong=wrong) if template is not None else None

    def _shown(self, text: Text | None, view: View) -> str | None:
        """What the job has of it: its template where it is late."""
        if text is None:
            return ""
        found = text.of(view)
        return text.template.text if text.late and self._facts is None and found is not None else found

    def _early_text(self, text: Text | None, view: View) -> str | None:
        return text.of(view) if text is not None else ""

    def _share(self, value: _Value) -> _Value:
        """The same for equal ones."""
        found: _Value = self._shared.setdefault(value, value)
        return found

    def _check_secrets(self) -> None:
        for name in self._spec.secrets:
            for variable, text in self._env:
                if name == variable and not text.template.raw:
                    message = (
                        f"{name!r} is among the secrets of the job {self._test.name!r}, whose values are the host's"
                    )
                    self._rendering.report(text.template.place, message, "leave it out here, or there")

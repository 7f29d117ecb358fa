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
from farm.matrix.mounts import Mounts
from farm.matrix.prepare import Preparations
from farm.matrix.rendering import Rendering
from farm.matrix.services import Services
from farm.matrix.text import Text, Wrong
from farm.matrix.variables import Variables
from farm.matrix.view import View, Views
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
        self._final = facts is not None
        self._views = Views(test.name, tags, facts)
        self._env = Variables(spec.env, rendering, final=self._final)
        self._script = Text(rendering, spec.run, self._env.late)
        self._condition = self._text(spec.condition, condition=True)
        self._said = " ".join(spec.condition.text.split()) if spec.condition else ""
        self._late_texts = {"always": self._text(spec.always), "debug": self._text(spec.debug)}
        self._early_texts = {
            "summary": self._early(spec.summary),
            "group": self._early(spec.group),
            "user": self._early(spec.user, wrong_user),
            "hostname": self._early(spec.hostname, wrong_hostname),
            "working_directory": self._early(spec.working_directory, wrong_directory),
        }
        self._mounts = Mounts(spec.mounts, rendering)
        self._artifacts = artifact_texts(spec.artifacts, rendering)
        self._services = Services(spec.services, rendering, self._env.late)
        prepare = spec.prepare if facts is None else None
        self._prepares = Preparations(test, spec, prepare, rendering, tags) if prepare else None
        self._is_late = (
            bool(self._env.late)
            or self._services.late
            or any(text is not None and text.late for text in (self._script, *self._late_texts.values()))
        )
        self._shared: dict[object, Any] = {}
        self._fixed = self._same_for_all()
        self._known_parts: dict[str, Any] | None = None
        self._check_secrets()

    def job(self, cell: Cell, needs: tuple[str, ...] = (), skipped: str = "") -> Job | None:
        """The job of ``cell``, ``skipped`` for that reason if there is one; None where it is wrong, which is a problem."""
        view = self._views.of(cell, same_env=not self._env.late)
        env = self._env.of(view)
        decided = self._decided(view)
        script = self._shown(self._script, view)
        parts = self._parts(view)
        prepare = self._prepares.of(cell.distro, cell.axes) if self._prepares else None
        if env is None or decided is None or script is None or parts is None or (self._prepares and prepare is None):
            return None
        open_yet = not self._final and decided and not skipped
        undecided = open_yet and self._condition is not None and self._condition.late
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
            late=undecided or (open_yet and self._is_late),
            **parts,
            **self._fixed,
        )

    def skipped(self, cell: Cell) -> str:
        """Why the job of ``cell`` is skipped, whatever is wrong with what it would do; empty where its ``if`` is not false."""
        view = self._views.of(cell, same_env=not self._env.late)
        sound = self._env.of(view) is not None
        if self._condition is None or (self._condition.of_variables and not sound) or self._decided(view) is not False:
            return ""
        return f"its if is false: {self._said}"

    def _decided(self, view: View) -> bool | None:
        """Whether the job runs, which of a late ``if`` is not known yet: it may. None where that cannot be told."""
        if self._condition is None:
            return True
        holds = self._condition.holds(view)
        return True if holds is not None and self._condition.late and not self._final else holds

    def _parts(self, view: View) -> dict[str, Any] | None:
        """Fields of the job that make nothing else of what is rendered; None where one is wrong."""
        if self._known_parts is not None:
            return self._known_parts
        parts: dict[str, Any] = {name: self._shown(text, view) for name, text in self._late_texts.items()}
        parts |= {name: text.of(view) if text is not None else "" for name, text in self._early_texts.items()}
        directory = parts["working_directory"]
        parts["working_directory"] = directory = "/" if directory == "" else directory
        parts["mounts"] = self._mounts.of(view)
        parts["services"] = self._services.of(view, final=self._final)
        if self._artifacts is not None:
            parts["artifacts"] = artifacts(self._spec.artifacts, self._artifacts, view, directory)
        if any(value is None for value in parts.values()):
            return None
        self._check_init(parts)
        found = {name: self._share(value) for name, value in parts.items()}
        if self._are_parts_plain():
            self._known_parts = found
        return found

    def _are_parts_plain(self) -> bool:
        """Whether they are the same for every cell."""
        texts = (*self._late_texts.values(), *self._early_texts.values(), *(self._artifacts or ()))
        return all(text is None or text.plain for text in texts) and not self._spec.services and not self._spec.mounts

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

    def _text(self, template: Template | None, *, condition: bool = False) -> Text | None:
        return Text(self._rendering, template, self._env.late, condition=condition) if template is not None else None

    def _early(self, template: Template | None, wrong: Wrong | None = None) -> Text | None:
        return Text(self._rendering, template, early=True, wrong=wrong) if template is not None else None

    def _shown(self, text: Text | None, view: View) -> str | None:
        """What the job has of it: its template where it is late."""
        if text is None:
            return ""
        found = text.of(view)
        return text.template.text if text.late and not self._final and found is not None else found

    def _share(self, value: _Value) -> _Value:
        """The same for equal ones."""
        found: _Value = self._shared.setdefault(value, value)
        return found

    def _check_init(self, parts: Mapping[str, Any]) -> None:
        """Late texts may come to nothing; those that do not are the engine's to refuse."""
        for name, text in self._late_texts.items():
            if not self._spec.init and text is not None and not text.late and parts[name]:
                message = f"{name!r} cannot be with init: none: the container has ended with its process 1"
                self._rendering.report(text.template.place, message, "take one of the two away")

    def _check_secrets(self) -> None:
        for name in self._spec.secrets:
            written = self._env.written(name)
            if written is not None:
                place = self._test.place if written.raw else written.place  # that of an env-file is in another file
                message = f"{name!r} is among the secrets of the job {self._test.name!r}, whose values are the host's"
                self._rendering.report(place, message, "leave it out of the variables, or of the secrets")

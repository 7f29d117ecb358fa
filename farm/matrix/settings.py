"""What one place of a file says of its jobs, checked, as a ``Layer``: what is wrong between its fields is found here."""

from __future__ import annotations

from typing import Any  # values of fields of Spec

from farm.matrix import schema
from farm.matrix.check import place_of
from farm.matrix.document import ArtifactsStep, HealthcheckStep, Layer, MountStep, ServiceStep
from farm.matrix.env_file import read_variables
from farm.matrix.parts import DEFAULT_SHELL, limits, optional, quotas, template, variables
from farm.matrix.prepare_entry import prepare_step
from farm.matrix.problems import Problem
from farm.matrix.service_images import ServiceImages
from farm.matrix.source import Place, SourceText
from farm.matrix.tree import MappingNode, Node
from farm.model.mount import MountMode
from farm.model.rules import Artifacts, Retries, When
from farm.model.service import Healthcheck
from farm.values import dataclass

_AS_THEY_ARE = {
    "shell": "shell", "timeout": "timeout_s", "idle_timeout": "idle_timeout_s", "network": "network",
    "privileged": "privileged", "no_new_privs": "no_new_privs", "init": "init", "expect": "expect",
    "skip_exit_code": "skip_exit_code", "priority": "priority", "shards": "shards",
}  # fmt: skip
"""Keys whose values need nothing done, and their names in ``Spec``."""
_OPTIONAL_TEXTS = ("user", "working_directory", "hostname", "always", "debug", "summary")


@dataclass(frozen=True, slots=True)
class Reading:
    """The file that is read, and where problems go."""

    source: SourceText
    images: ServiceImages
    problems: list[Problem]

    def report(self, node: Node, location: tuple[str | int, ...], message: str, remedy: str = "") -> None:
        """A problem with what ``location`` leads to below ``node``."""
        self.problems.append(self.source.problem(place_of(node, location), message, remedy))


def layer(reading: Reading, node: Node, entry: schema.Settings) -> Layer:
    """What ``entry`` says, which stands at ``node``. Its ``run``, ``condition`` and ``needs`` are whose they are."""
    said: dict[str, Any] = {
        ours: getattr(entry, key) for key, ours in _AS_THEY_ARE.items() if getattr(entry, key, None) is not None
    }
    for key in _OPTIONAL_TEXTS:
        if (text := getattr(entry, key, None)) is not None:
            said[key] = optional(text)
    for name, values in (("secrets", entry.secrets), ("cap_add", entry.cap_add)):
        if values is not None:
            said[name] = tuple(dict.fromkeys(values))
    if entry.concurrency is not None:
        said["group"] = optional(entry.concurrency.group)
    if entry.retries is not None:
        said["retries"] = _retries(entry.retries)
    if entry.mounts is not None:
        said["mounts"] = tuple(
            MountStep(template(each.source), template(each.target), each.mode or MountMode.RO) for each in entry.mounts
        )
    if entry.artifacts is not None:
        said["artifacts"] = _artifacts(entry.artifacts)
    if entry.services is not None:
        said["services"] = _services(reading, node, entry.services)
    if entry.prepare is not None:
        said["prepare"] = prepare_step(reading.source, node, ("prepare",), entry.prepare, reading.problems)
    elif isinstance(node, MappingNode) and "prepare" in node.values:
        said["prepare"] = None  # a wrong one; that of the defaults may be meant for other axes
    from_files = tuple(
        pair for path in entry.env_file or () for pair in read_variables(reading.source, path, reading.problems)
    )
    env = from_files + variables(entry.env)
    return Layer(said, env, quotas(entry.resources), tuple(entry.tags or ()), key_places(node))


def key_places(node: Node) -> dict[str, Place]:
    """Where the keys of ``node`` stand, and those of its ``env`` and ``resources``, which replace each other one by one."""
    found: dict[str, Place] = {}
    for name, key in node.keys.items() if isinstance(node, MappingNode) else ():
        found[name] = key.place
    for name in ("env", "resources", "strategy"):
        inner = node.values.get(name) if isinstance(node, MappingNode) else None
        if isinstance(inner, MappingNode):
            found |= {f"{name}.{each}": scalar.place for each, scalar in inner.keys.items()}
    return found


def pace(entry: schema.Pace | None) -> dict[str, Any]:
    """How jobs run together, as fields of ``Spec``."""
    said: dict[str, Any] = {}
    if entry is not None and entry.fail_fast is not None:
        said["fail_fast"] = entry.fail_fast
    if entry is not None and entry.max_parallel is not None:
        said["max_parallel"] = entry.max_parallel
    return said


def _retries(entry: schema.RetriesEntry) -> Retries:
    """Where only exit codes are named, only they count."""
    usual = () if entry.exit_codes is not None else Retries().outcomes
    outcomes = tuple(dict.fromkeys(entry.when)) if entry.when is not None else usual
    return Retries(entry.max, outcomes, tuple(dict.fromkeys(entry.exit_codes or ())))


def _artifacts(entry: schema.ArtifactsEntry) -> ArtifactsStep | None:
    if not entry.paths:
        return None
    return ArtifactsStep(
        paths=tuple(template(path) for path in entry.paths),
        when=entry.when or When.ALWAYS,
        most_bytes=entry.max_size or Artifacts(()).most_bytes,
        junit=entry.junit.text.strip() if entry.junit else "",
    )


def _services(reading: Reading, node: Node, entries: dict[str, schema.ServiceEntry]) -> tuple[ServiceStep, ...]:
    made = (_service(reading, node, name, entry) for name, entry in entries.items())
    return tuple(each for each in made if each is not None)


def _service(reading: Reading, node: Node, name: str, entry: schema.ServiceEntry) -> ServiceStep | None:
    location = ("services", name)
    if (entry.distro is None) == (entry.rootfs is None):
        reading.report(node, location, "a service has a distro or a rootfs, one of them", "name what it runs on")
        return None
    if entry.sha256 is not None and entry.rootfs is None:
        reading.report(node, (*location, "sha256"), "a sha256 is that of a rootfs", "remove it: a distro has its own")
    if entry.rootfs is not None:
        distro = reading.images.own(name, entry.rootfs, entry.sha256)
    elif entry.distro is not None:
        distro = reading.images.named(entry.distro)
    if distro is None:
        return None
    return ServiceStep(
        name=name,
        distro=distro,
        run=template(entry.run),
        shell=entry.shell or DEFAULT_SHELL,
        env=variables(entry.env),
        limits=limits(entry.resources),
        healthcheck=_healthcheck(entry.healthcheck) if entry.healthcheck else None,
    )


def _healthcheck(entry: schema.HealthcheckEntry) -> HealthcheckStep:
    usual = Healthcheck(())
    return HealthcheckStep(
        run=template(entry.run),
        interval_s=entry.interval or usual.interval_s,
        retries=entry.retries or usual.retries,
        timeout_s=entry.timeout or usual.timeout_s,
    )

"""``explain``: one job, whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any  # what JSON holds

import click

from farm.cli import options
from farm.cli.complete import complete_jobs

if TYPE_CHECKING:
    from farm.matrix.explain import Explanation
    from farm.model.job import Job


@click.command()
@click.argument("job", shell_complete=complete_jobs)
@options.matrix_file
@click.option("--plan", is_flag=True, help="Also the steps that make its container, in order.")
@options.as_json
def explain(job: str, matrix: str | None, plan: bool, as_json: bool) -> None:
    """Show why JOB is there, what it does, and from which lines.

    JOB is an id, or a part of one that no other job has. Secrets are named and not shown. What names facts of an image
    shows them where the image is there already, and is shown as it is written where not.

    \b
    farm explain 'unit/debian-13[opt=O2]'
    farm explain unit/host --plan
    farm explain unit/host --json | jq .env
    """
    from farm.app.available import whole
    from farm.app.distros import MATRIX
    from farm.image.store import Store
    from farm.matrix.expand import expand
    from farm.matrix.explain import explain as explained
    from farm.matrix.late import LateError
    from farm.matrix.load import load
    from farm.matrix.select import find_job

    loaded = load(matrix or MATRIX, options.catalogue())
    found = explained(loaded, find_job(expand(loaded), job))
    trouble: tuple[str, ...] = ()
    try:
        found = replace(found, job=whole(found.job, loaded, Store(options.home())))
    except LateError as error:  # how the job would end; what it is can be told all the same
        trouble = ("", f"{error.brief}: {error.detail}")
    found = replace(found, job=without_secrets(found.job, os.environ))
    steps = _steps(found.job) if plan else ()
    if as_json:
        click.echo(json.dumps(_document(found, steps), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join((*_lines(found), *trouble, *_planned(steps))))


def without_secrets(job: Job, environment: Mapping[str, str]) -> Job:
    """``job`` without the values that ``environment`` has for its secrets, should somebody have written them in the file."""
    from farm.matrix.secrets import MASK
    from farm.model.plain import fields, value
    from farm.model.secret import parts

    values = {each for name in job.secrets for each in parts(environment.get(name, ""))}
    hidden = sorted(values, key=len, reverse=True)
    if not hidden:
        return job

    def masked(text: str) -> str:
        for each in hidden:
            text = text.replace(each, MASK)
        return text

    document = json.loads(json.dumps(fields(job), default=fields), object_hook=lambda found: _each(found, masked))
    return value(type(job), document)


def _each(found: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """``found`` with every text in it changed, those in lists too."""

    def changed(item: Any) -> Any:
        if isinstance(item, str):
            return change(item)
        return [changed(each) for each in item] if isinstance(item, list) else item

    return {name: changed(item) for name, item in found.items()}


def _steps(job: Job) -> tuple[str, ...]:
    from farm.app.explain import steps

    return steps(job)


def _lines(found: Explanation) -> Iterator[str]:
    from farm.matrix.problems import printable

    job = found.job
    yield printable(job.id)
    if job.summary:
        yield f"  {printable(job.summary)}"
    if job.condition and not job.late:
        yield f"  skipped: {printable(job.condition)}"
    yield ""
    yield from _aligned([("because", *found.because[0]), *(("", *each) for each in found.because[1:])])
    yield ""
    yield from _aligned([(name, value, found.places.get(key, "")) for name, value, key in _rows(job)])
    for name, script in (("run", job.script), ("always", job.always), ("debug", job.debug)):
        if script:
            yield ""
            yield _with_place(f"{name}  ({' '.join(job.shell)})", found.places.get(name, ""))
            yield from _block(script)
    if job.prepare is not None:
        yield ""
        yield _with_place(f"prepare  ({' '.join(job.prepare.shell)})", found.places.get("prepare", ""))
        yield from _block(job.prepare.template)
    for service in job.services:
        yield ""
        yield _with_place(f"service {service.name} on {service.distro}", found.places.get("services", ""))
        yield from _block(service.script)
        if service.healthcheck is not None:
            check = service.healthcheck
            yield f"  well when this exits with 0, tried every {check.interval_s:g} s, {check.retries} times at most"
            yield from _block(check.argv[-1])
    if job.late:
        yield ""
        yield "what stands in braces is filled in when the image is there"


def _rows(job: Job) -> Iterator[tuple[str, str, str]]:
    """Name, value and the key that says it; what nobody said only where everybody wants to know it."""
    from farm.matrix.secrets import MASK
    from farm.units import format_bytes, format_duration

    limits, usual = job.limits, type(job)("", "", "", (), (), "")
    if job.late and job.condition:
        yield "if", job.condition, "if"
    yield "cpus", f"{limits.cpus:g}", "resources.cpus"
    yield "memory", format_bytes(limits.memory_bytes), "resources.memory"
    yield "pids", str(limits.pids), "resources.pids"
    if limits.swap_bytes:
        yield "swap", format_bytes(limits.swap_bytes), "resources.swap"
    if limits.disk_bytes is not None:
        yield "disk", format_bytes(limits.disk_bytes), "resources.disk"
    if limits.io_weight is not None:
        yield "io-weight", str(limits.io_weight), "resources.io-weight"
    yield "timeout", format_duration(job.timeout_s), "timeout"
    if job.idle_timeout_s:
        yield "idle-timeout", format_duration(job.idle_timeout_s), "idle-timeout"
    yield "network", job.network.value, "network"
    yield "user", job.user or "root", "user"
    yield "working-directory", job.working_directory, "working-directory"
    if job.hostname:
        yield "hostname", job.hostname, "hostname"
    for name, value in job.env:
        yield "env", f"{name}={_short(value)}", f"env.{name}"
    for name in job.secrets:
        yield "secret", f"{name}={MASK}", "secrets"
    for mount in job.mounts:
        yield "mount", f"{mount.source} at {mount.target} ({mount.mode.value})", "mounts"
    for need in job.needs:
        yield "needs", need, "needs"
    if job.artifacts is not None:
        size, when = format_bytes(job.artifacts.most_bytes), job.artifacts.when.value
        yield "artifacts", f"{' '.join(job.artifacts.paths)} ({when}, at most {size})", "artifacts"
    if job.retries.most:
        after = " ".join([*(each.value for each in job.retries.outcomes), *map(str, job.retries.exit_codes)])
        yield "retries", f"{job.retries.most} after {after}", "retries"
    for name, key in (("privileged", "privileged"), ("priority", "priority"), ("skip_exit_code", "skip-exit-code")):
        if getattr(job, name) != getattr(usual, name):
            yield key, str(getattr(job, name)).lower(), key
    for value, key in ((job.group, "concurrency"), (" ".join(job.cap_add), "cap-add"), (" ".join(job.tags), "tags")):
        if value:
            yield key, value, key
    if job.expect is not usual.expect:
        yield "expect", job.expect.value, "expect"
    if not job.no_new_privs:
        yield "no-new-privs", "false", "no-new-privs"
    if not job.init:
        yield "init", "none", "init"
    if job.max_parallel:
        yield "max-parallel", str(job.max_parallel), "strategy.max-parallel"
    if job.fail_fast:
        yield "fail-fast", "true", "strategy.fail-fast"


def _aligned(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    """Three columns, the last one where there is something in it."""
    from farm.matrix.problems import printable

    first = max(len(row[0]) for row in rows)
    second = min(60, max(len(printable(row[1])) for row in rows))
    for name, value, place in rows:
        yield f"{name:<{first}}  {printable(value):<{second}}  {printable(place)}".rstrip()


def _with_place(text: str, place: str) -> str:
    return f"{text}  {place}".rstrip()


def _block(script: str) -> Iterator[str]:
    from farm.matrix.problems import printable

    for line in script.rstrip("\n").split("\n"):
        yield f"    {printable(line.replace(chr(9), '    '))}".rstrip()


def _short(value: str) -> str:
    """The first line of a variable; the others are in --json."""
    first, _, more = value.partition("\n")
    return f"{first} … ({more.count(chr(10)) + 1} more lines)" if more else first


def _planned(steps: tuple[str, ...]) -> Iterator[str]:
    if steps:
        yield ""
        yield "the steps that make its container, between its new namespaces and its command"
        yield from (f"{number:>4}  {step}" for number, step in enumerate(steps, 1))


def _document(found: Explanation, steps: tuple[str, ...]) -> dict[str, object]:
    from farm.matrix.secrets import MASK
    from farm.model.plain import fields

    job = found.job
    whole = json.loads(json.dumps(fields(job), default=fields))
    whole["axes"], whole["env"] = dict(job.axes), dict(job.env)
    whole["secrets"] = dict.fromkeys(job.secrets, MASK)
    whole["because"] = [{"what": what, "where": where} for what, where in found.because]
    whole["places"] = dict(found.places)
    if steps:
        whole["plan"] = steps
    return dict(whole)

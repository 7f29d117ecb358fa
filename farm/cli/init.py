"""``init``: a matrix file to begin with."""

from __future__ import annotations

import os

import click

from farm.cli import options
from farm.errors import UsageError

TEMPLATE = """\
# A matrix of tests over distributions. docs/matrix.md explains every key; farm validate checks this file, farm list shows
# its jobs, farm run runs them, each in a container of its own.
version: 1
name: {name}

# Where to run: host is this machine's own system, shown read-only. farm image ls --available shows what else there is.
distros:
  - host
  # - debian-12
  # - "ubuntu-2*"
  # - {{name: ours, rootfs: images/ours.tar.xz}}

# What every job says that does not say otherwise.
defaults:
  timeout: 5m
  resources: {{cpus: 1, memory: 512M, pids: 256}}

# Variables of every job.
env:
  LANG: C.UTF-8

jobs:
  hello:
    summary: "{{{{ matrix.greeting }}}} from {{{{ distro.name }}}}"
    # One job for each combination of these, on each distro.
    strategy:
      matrix:
        greeting: [hello, goodbye]
    run: |
      . /etc/os-release
      echo "{{{{ matrix.greeting }}}} from $PRETTY_NAME"

  unit:
    summary: the tests of this folder
    # This folder, without letting the test change it: what it writes there is thrown away.
    mounts:
      - {{source: ., target: /src, mode: overlay}}
    working-directory: /src
    # What has to be installed first, once for each image:
    # prepare: {{run: "{{{{ distro.install }}}} make gcc", network: host}}
    run: |
      # your command, in place of this one
      ls
    # needs: [hello]
    # retries: {{max: 1, when: [timeout, error]}}
    # artifacts: [out/**]
"""


@click.command()
@options.matrix_argument
def init(matrix: str) -> None:
    """Write a matrix file to begin with.

    It runs at once on this host, and its comments say what else there is. A file that is there already is left alone.

    \b
    farm init && farm run
    """
    name = os.path.basename(os.path.dirname(os.path.abspath(matrix)))
    shown = (
        name if name.isascii() and name.replace("-", "").replace("_", "").isalnum() and name[0].isalpha() else "hello"
    )
    try:
        with open(matrix, "x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(name=shown))
    except FileExistsError:
        raise UsageError(f"{matrix} is there already", remedy="name another file: farm init other.yaml") from None
    except OSError as error:
        raise UsageError(f"{matrix} cannot be written", error.strerror or str(error)) from error
    file_option = "" if matrix == "matrix.yaml" else f" {matrix}"
    click.echo(f"wrote {matrix}; farm list{file_option} shows its jobs, farm run{file_option} runs them")

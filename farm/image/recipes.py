"""The script that makes a root filesystem at ``TARGET`` of a distribution's packages, as a recipe wants it: pure.

It runs in a container of the host image, as its root: no mount(2), no mknod(2), and what it changes of the host is gone when
it ends. The tools come from the host, or are installed by its package manager, into that container alone: the host's
database of packages is at ``DATABASES`` for that, since the image has none.
"""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from farm.errors import ImageError
from farm.model.recipe import Recipe
from farm.model.reference import is_loopback

TARGET = "/target"
DATABASES = "/run/host-packages"
HOST_DATABASES = ("/var/lib/dpkg", "/var/lib/rpm", "/var/lib/pacman", "/lib/apk", "/var/lib/apk", "/var/lib/zypp")
"""Where package managers keep what is installed; those below /usr are in the host image as they are."""

_APT_MACHINES = {
    "x86_64": "amd64", "i686": "i386", "i586": "i386", "i486": "i386", "i386": "i386", "aarch64": "arm64", "armv7l": "armhf",
}  # fmt: skip
"""What Debian calls those machines that a host may run besides its own kind."""
_ARCHIVED = ("archive.", "old-releases.")
_PREAMBLE = """
have() { command -v "$1" >/dev/null 2>&1; }
get() {  # packages for this container, by the host's own package manager
    if [ -z "$ready" ]; then
        for kept in $databases; do
            [ -e "$kept" ] || [ ! -e "$stash$kept" ] || { mkdir -p "${kept%/*}" && cp -a "$stash$kept" "$kept"; }
        done
        mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial /var/log /var/tmp
        ready=1
    fi
    [ -n "$install" ] || { echo "this host has no package manager that the farm knows, and no $*"; return 1; }
    echo "this host lacks $*: it is installed in the container that bootstraps"
    sh -c "$install $*"
}
"""
_APT = """
key=/usr/share/keyrings/$keyring.gpg
{ [ -z "$keyring" ] || [ -e "$key" ]; } || get "$keyring"
[ -e "$key" ] || key=
have mmdebstrap || have debootstrap || get mmdebstrap || get debootstrap
[ -z "$foreign" ] || have arch-test || get arch-test
mkdir -p /var/lib/dpkg
if have mmdebstrap; then
    # What needs mount(2) and mknod(2) is what the containers bring themselves: /dev, /proc and /sys.
    mmdebstrap --mode=root --format=directory --variant=minbase --skip=chroot/mount,output/dev,output/mknod,check/empty \\
        ${key:+"--keyring=$key"} "$@" "$release" "$target" $repositories
else
    # It leaves /proc and device nodes alone in containers of lxc, and knows no others.
    export container=lxc
    debootstrap --variant=minbase ${key:+"--keyring=$key"} ${components:+"--components=$components"} \\
        ${packages:+"--include=$packages"} "$release" "$target" ${repositories%% *}
fi
rm -f "$target/etc/resolv.conf" "$target/etc/hostname" "$target/dev/null"
"""
_RPM_BEFORE = """
# Where today's systems have the database of packages, and not where this host's rpm would have its own.
echo "%_dbpath $database" >/root/.rpmmacros
"""
_RPM_AFTER = """
wanted=$(sed -n 's/^%_dbpath[[:space:]]*//p' "$target/usr/lib/rpm/macros" 2>/dev/null | sed 's,%{_var},/var,; s,%{_usr},/usr,')
if [ -n "$wanted" ] && [ "$wanted" != "$database" ] && [ ! -L "$target$wanted" ]; then
    mkdir -p "$target$wanted"
    mv "$target$database"/* "$target$wanted/"
fi
"""
_DNF_SCRIPT = """
have dnf || get dnf
dnf -y --installroot="$target" --releasever="$release" --setopt=reposdir=/dev/null --setopt=install_weak_deps=False \\
    --setopt=cachedir=/var/cache/dnf --setopt=keepcache=False "$@"
rm -rf "$target"/var/cache/dnf "$target"/var/lib/dnf/repos "$target"/var/log/dnf* "$target"/var/log/hawkey.log
"""
_ZYPPER_SCRIPT = """
have zypper || get zypper
trap 'rm -f "$target/run/zypp.pid"' EXIT
"""


def script(recipe: Recipe, install: str, arch: str = "") -> str:
    """A script for ``sh -e``. ``install`` is the host's non-interactive install command, empty where it has none.

    ``arch`` is the machine that the system is for, empty for this host's own kind.

    Raises ``ImageError`` for a recipe whose packages nobody could verify, or a machine that its tool cannot be told.
    """
    given = {
        "target": TARGET,
        "release": recipe.release,
        "install": install,
        "databases": " ".join(HOST_DATABASES),
        "stash": DATABASES,
        "ready": "",
        "foreign": arch,
        "database": "/usr/lib/sysimage/rpm",
    }
    if arch and arch not in (_APT_MACHINES if recipe.manager == "apt" else ()):
        raise ImageError(
            f"{recipe.manager} cannot be told to make a system for {arch}", "", "name another source for it"
        )
    match recipe.manager:
        case "apt":
            return _script(given | _apt(recipe), _apt_options(recipe, arch), _APT)
        case "dnf":
            return _script(given, _dnf_options(recipe), _RPM_BEFORE + _DNF_SCRIPT + _RPM_AFTER)
        case "zypper":
            return _script(given, (), _RPM_BEFORE + _ZYPPER_SCRIPT + _zypper(recipe) + _RPM_AFTER)
    raise ImageError(f"nothing is known to bootstrap with {recipe.manager}", "", "apt, dnf and zypper are")


def _script(given: dict[str, str], options: tuple[str, ...], body: str) -> str:
    variables = "".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items())
    return f"{variables}set -- {shlex.join(options)}\n{_PREAMBLE}{body}"


def _apt(recipe: Recipe) -> dict[str, str]:
    return {
        "keyring": recipe.keyring,
        "components": ",".join(recipe.components),
        "packages": ",".join(recipe.packages),
        "repositories": " ".join(recipe.repositories),
    }


def _apt_options(recipe: Recipe, arch: str) -> tuple[str, ...]:
    options = [f"--architectures={_APT_MACHINES[arch]}"] if arch else []
    if recipe.components:
        options.append(f"--components={','.join(recipe.components)}")
    if recipe.packages:
        options.append(f"--include={','.join(recipe.packages)}")
    if all((urlsplit(each).hostname or "").startswith(_ARCHIVED) for each in recipe.repositories):
        # Nobody signs the index of an archived release anew; the signature itself is looked at all the same.
        options.append('--aptopt=Acquire::Check-Valid-Until "false"')
    return tuple(options)


def _dnf_options(recipe: Recipe) -> tuple[str, ...]:
    options = []
    for number, (address, key) in enumerate(_verified(recipe)):
        name = f"farm{number}"
        options += [f"--repofrompath={name},{address}", f"--repo={name}", f"--setopt={name}.gpgcheck={int(bool(key))}"]
        if key:
            options.append(f"--setopt={name}.gpgkey={key}")
    return (*options, "install", *recipe.packages)


def _zypper(recipe: Recipe) -> str:
    zypper = ("zypper", "--non-interactive", "--root", TARGET, "--releasever", recipe.release)
    lines = []
    for number, (address, key) in enumerate(_verified(recipe)):
        name = f"farm{number}"
        if key:
            lines.append(shlex.join(("rpm", "--root", TARGET, "--import", key)))
        check = "--gpgcheck-allow-unsigned" if not key else "--gpgcheck-strict"
        lines.append(shlex.join((*zypper, "addrepo", check, address, name)))
    lines.append(shlex.join((*zypper, "install", "--no-recommends", *recipe.packages)))
    return "\n".join((*lines, shlex.join((*zypper, "clean", "--all")), ""))


def _verified(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Each repository and the address of its key; empty where the way there is trusted instead."""
    for address in recipe.repositories:
        parts = urlsplit(address)
        if not recipe.keyring and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ImageError(
                "nobody could tell whether the packages are the right ones",
                f"{address} is neither https nor is there a keyring",
                "name the address of the repository's key in keyring",
            )
    return tuple((address, recipe.keyring) for address in recipe.repositories)

"""What must hold for every container's set-up, whatever was asked for."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.container import plan
from farm.container.operations import (
    ROOT,
    SCRATCH,
    Bind,
    BindCgroups,
    DropPrivileges,
    JoinNetwork,
    MakeDevices,
    MakeDirectory,
    Mount,
    MountDisk,
    PivotRoot,
    RaiseLoopback,
    SetHostname,
    SetPersonality,
    WriteFile,
)
from farm.container.spec import ContainerSpec, Host, MountPoint
from farm.errors import KernelError
from farm.kernel.mount import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
)
from farm.model.build import Network
from farm.model.distro import Overlay
from farm.model.limits import Limits
from farm.model.mount import MountMode

HOST = Host(
    0x70000000,
    False,
    ("/proc/keys", "/sys/firmware"),
    frozenset({"/sys/firmware"}),
    ("/proc/sys",),
    (("/views", "/views"),),
)
SPEC = ContainerSpec((Overlay("/", ("/views/0/lower",)), Overlay("/etc", ("/views/1",))), ("true",))

specs = st.builds(
    ContainerSpec,
    overlays=st.lists(st.text(min_size=1, max_size=20), max_size=4).map(
        lambda names: (Overlay("/", ("/views/0",)), *(Overlay(f"/{name}", (f"/views/{name}",)) for name in names))
    ),
    argv=st.just(("true",)),
    hostname=st.text(min_size=1, max_size=64),
    capabilities=st.integers(0, (1 << 41) - 1),
    no_new_privs=st.booleans(),
    filter_id=st.integers(0, 9),
    on_disk=st.booleans(),
    network=st.sampled_from(Network),
    joins=st.booleans(),
    personality=st.sampled_from((0, 8)),
    limits=st.builds(Limits, memory_bytes=st.integers(1 << 20, 1 << 40)),
)
hosts = st.builds(
    Host,
    id_base=st.sampled_from((0, 0x70000000)),
    cgroup2=st.booleans(),
    masked=st.sets(st.sampled_from(plan.MASKED)).map(tuple),
    masked_directories=st.frozensets(st.sampled_from(plan.MASKED)),
    read_only=st.sets(st.sampled_from(plan.READ_ONLY)).map(tuple),
    views=st.just((("/views", "/views"),)),
)


def test_a_view_within_another_is_found_before_it_and_a_path_outside_of_all_is_an_error():
    host = plan.host(0, (("/images", "/views/0"), ("/images/deep", "/views/1")), cgroup2=True)
    shown = {
        "/images": "/views/0",
        "/images/a": "/views/0/a",
        "/images/deep": "/views/1",
        "/images/deep/b": "/views/1/b",
    }
    assert {path: host.shown(path) for path in shown} == shown
    for outside in ("/images2", "/", "/image"):
        with pytest.raises(KernelError) as caught:
            host.shown(outside)
        assert caught.value.errno == errno.ENOENT


def places(operations, kind):
    return [number for number, each in enumerate(operations) if isinstance(each, kind)]


def mount_of(operations, target):
    (found,) = (each for each in operations if isinstance(each, Mount) and each.target == ROOT + target)
    return found


@given(specs, hosts)
def test_order_that_the_isolation_rests_on(spec, host):
    operations = plan.plan(spec, host)
    overlays = [
        number for number, each in enumerate(operations) if isinstance(each, Mount) and each.fstype == "overlay"
    ]
    (pivot,) = places(operations, PivotRoot)
    (drop,) = places(operations, DropPrivileges)
    assert isinstance(operations[int(spec.joins)], MountDisk if spec.on_disk else Mount)
    # What would be followed if it came from an image is made in the upper layer before there is an image.
    for name in ("proc", "sys", "dev", "etc"):
        made = operations.index(MakeDirectory(f"{SCRATCH}/upper/{name}"))
        assert made < overlays[0]
    # Everything is mounted and hidden before the old root goes, and privileges go last of all.
    for number, each in enumerate(operations):
        if isinstance(each, Mount | Bind | BindCgroups | MakeDevices):
            assert number < pivot
    assert pivot < drop == len(operations) - 1
    for number in places(operations, SetPersonality):
        assert pivot < number < drop
    # Loopback and the settings of /proc/sys need it writable: before it is made read-only.
    loopback = places(operations, RaiseLoopback)
    assert len(loopback) == (spec.network is not Network.HOST)
    binds = places(operations, Bind)
    assert all(raised < number for raised in loopback for number in binds)
    kernel_files = [number for number, each in enumerate(operations) if isinstance(each, WriteFile) and not each.new]
    assert all(number < bind for number in kernel_files for bind in binds)


@given(specs, hosts)
def test_everything_is_made_below_the_scratch_space(spec, host):
    for each in plan.plan(spec, host):
        target = getattr(each, "target", getattr(each, "path", ROOT))
        assert target == SCRATCH or target.startswith(SCRATCH + "/")
        assert ".." not in target.split("/") or ".." in "".join(overlay.target for overlay in spec.overlays)


@given(specs, hosts)
def test_every_step_has_a_name_for_messages(spec, host):
    for each in plan.plan(spec, host):
        assert each.step
        assert SCRATCH + "/" not in each.step or each.step.startswith("mkdir ")


@given(specs, hosts)
def test_every_masked_and_read_only_path_of_the_host_is_covered(spec, host):
    binds = {each.target: each for each in plan.plan(spec, host) if isinstance(each, Bind)}
    for path in host.masked:
        source = "/empty" if path in host.masked_directories else ROOT + "/dev/null"
        assert binds[ROOT + path].source == source
    for path in host.read_only:
        assert path in host.masked or binds[ROOT + path].added & MOUNT_ATTR_RDONLY


@pytest.mark.parametrize("cgroup2", [True, False])
@pytest.mark.parametrize("on_disk", [True, False])
def test_system_file_systems_give_no_programs_devices_or_setuid(cgroup2, on_disk):
    operations = plan.plan(replace(SPEC, on_disk=on_disk), replace(HOST, cgroup2=cgroup2))
    shm = [each for each in operations if isinstance(each, Bind) and each.target == f"{ROOT}/dev/shm"]
    assert bool(shm) != on_disk
    assert all(each.added == MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC for each in shm)
    for target in ("/proc", "/sys", "/sys/fs/cgroup", "/dev/mqueue", *(("/dev/shm",) if on_disk else ())):
        assert mount_of(operations, target).flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC) == (
            MS_NOSUID | MS_NODEV | MS_NOEXEC
        )
    assert mount_of(operations, "/sys").flags & MS_RDONLY
    assert mount_of(operations, "").flags & MS_NODEV
    assert mount_of(operations, "/etc").flags & MS_NODEV


def test_scratch_space_is_as_large_as_the_memory_quota():
    first = plan.plan(replace(SPEC, limits=Limits(memory_bytes=12345)), HOST)[0]
    assert isinstance(first, Mount)
    assert first.data == "size=12345,mode=755,uid=1879048192,gid=1879048192"


def test_each_overlay_has_an_upper_of_its_own():
    overlays = [each for each in plan.plan(SPEC, HOST) if isinstance(each, Mount) and each.fstype == "overlay"]
    assert [each.data for each in overlays] == [
        "lowerdir=/views/0/lower,upperdir=/c/upper,workdir=/c/work",
        "lowerdir=/views/1,upperdir=/c/upper1,workdir=/c/work1",
    ]


def test_A11_paths_are_escaped_as_the_kernel_reads_them():
    assert plan.overlay_options(("/a:b", "/c,d", "/e\\f"), "/u", "/w") == (
        "lowerdir=/a\\:b:/c\\,d:/e\\\\f,upperdir=/u,workdir=/w"
    )


def test_hostname_is_in_the_files_and_in_the_kernel():
    operations = plan.plan(replace(SPEC, hostname="unit-x"), HOST)
    texts = {each.path.rpartition("/")[2]: each.text for each in operations if isinstance(each, WriteFile)}
    assert texts["hostname"] == "unit-x\n"
    assert "127.0.1.1\tunit-x\n" in texts["hosts"]
    assert SetHostname("unit-x") in operations


def test_a_network_is_joined_before_anything_shows_what_is_in_one():
    """Its descriptor comes after those of the disk and of the mounts; sysfs is of the network that is entered by then."""
    points = tuple(MountPoint("/a", f"/{name}", MountMode.RO) for name in "ab")
    found = plan.plan(replace(SPEC, joins=True, network=Network.ISOLATED, on_disk=True, mounts=points), HOST)
    assert found[0] == JoinNetwork(3)
    assert places(found, JoinNetwork) == [0]
    assert places(found, RaiseLoopback)
    assert places(plan.plan(SPEC, HOST), JoinNetwork) == []


def test_nothing_of_the_hosts_network_is_set():
    found = plan.plan(replace(SPEC, network=Network.HOST), HOST)
    assert not places(found, RaiseLoopback)
    assert not [each for each in found if isinstance(each, WriteFile) and "/proc/sys/net" in each.path]


@pytest.mark.parametrize("nsswitch", ["", "hosts: files dns\n"])
def test_where_names_are_looked_up_is_said_to_images_that_do_not_say_it(nsswitch):
    found = plan.plan(replace(SPEC, nsswitch=nsswitch), HOST)
    made = [each.text for each in found if isinstance(each, WriteFile) and each.path.endswith("/etc/nsswitch.conf")]
    assert made == ([nsswitch] if nsswitch else [])

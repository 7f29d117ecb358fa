"""The host's files and folders in a job's container, in each mode: whose they are, what is written where, what is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat

import pytest

from farm.engine.local import LocalEngine
from farm.kernel import mount as m
from farm.kernel.userns import IdMap
from farm.model.limits import Limits
from farm.model.mount import Mount, MountMode
from farm.model.outcome import Outcome
from tests.kernel.engine.conftest import make_job, run_jobs

RO, RW, OVERLAY = MountMode.RO, MountMode.RW, MountMode.OVERLAY
OWNER = 1234
MIB = 1 << 20


@pytest.fixture
def folder(tmp_path):
    """A folder of a user of the host, with a private file, a private folder, and a file of somebody else."""
    top = tmp_path / "project"
    (top / "sub").mkdir(parents=True)
    (top / "file").write_text("from the host\n")
    (top / "private").write_text("for the owner\n")
    (top / "sub" / "deep").write_text("deep\n")
    (top / "other").write_text("of another\n")
    (top / "private").chmod(0o600)
    (top / "other").chmod(0o600)
    for path in (top, *top.rglob("*")):
        os.chown(path, OWNER, OWNER)
    os.chown(top / "other", 4321, 4321)
    return top


def mounted(folder, mode, target="/src"):
    return {"mounts": (Mount(str(folder), target, mode),)}


def contents(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_uid, path.stat().st_mode, path.is_file() and path.read_bytes())
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("distro", ["alpine-3.20", "ubuntu-12.04", "centos-7"])
def test_each_mode_on_real_images(run, folder, distro):
    before = contents(folder)
    attempt, log = run(
        """
        cat /ro/file /ro/private /ro/sub/deep
        for call in "touch /ro/new" "rm /ro/file" "sh -c 'echo x > /ro/file'"; do
            if eval "$call" 2>/dev/null; then echo "not refused: $call"; exit 1; fi
        done
        echo changed > /over/file; rm /over/private; mkdir /over/made; touch /over/sub/new; cat /over/file
        echo written > /rw/new; mkdir /rw/made; chmod 750 /rw/made
        """,
        distro,
        mounts=(Mount(str(folder), "/ro", RO), Mount(str(folder), "/over", OVERLAY), Mount(str(folder), "/rw", RW)),
    )
    assert (attempt.outcome, attempt.reason) == (Outcome.PASSED, ""), log
    assert log == b"from the host\nfor the owner\ndeep\nchanged\n"
    after = contents(folder)
    assert {name: after.pop(name) for name in ("new", "made")} == {
        "new": (OWNER, stat.S_IFREG | 0o644, b"written\n"),
        "made": (OWNER, stat.S_IFDIR | 0o750, False),
    }
    assert after == before


@pytest.mark.parametrize("mode", [RO, OVERLAY])
def test_a_file_alone(run, folder, mode):
    attempt, log = run(
        "cat /etc/one/file; test $(ls -A /etc/one | wc -l) = 1; (echo mine > /etc/one/file) 2>/dev/null || true;"
        " cat /etc/one/file",
        **mounted(folder / "file", mode, "/etc/one/file"),
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert log.splitlines() == [b"from the host", b"mine" if mode is OVERLAY else b"from the host"]
    assert (folder / "file").read_text() == "from the host\n"


def test_a_file_that_is_written_to(run, folder):
    attempt, log = run("echo more >> /file", **mounted(folder / "file", RW, "/file"))
    assert attempt.outcome is Outcome.PASSED, log
    assert (folder / "file").read_text() == "from the host\nmore\n"
    assert (folder / "file").stat().st_uid == OWNER


@pytest.mark.parametrize("mode", MountMode)
def test_the_folders_owner_is_the_jobs_user_inside(run, folder, mode):
    script = "id -u; stat -c %u:%g /src /src/file /src/private; cat /src/private"
    attempt, log = run(script, **mounted(folder, mode))
    assert attempt.outcome is Outcome.PASSED, log
    assert log.split() == [b"0", *[b"0:0"] * 3, b"for", b"the", b"owner"]
    attempt, log = run(script, user="nobody", **mounted(folder, mode))
    assert attempt.outcome is Outcome.PASSED, log
    assert log.split() == [b"65534", *[b"65534:65534"] * 3, b"for", b"the", b"owner"]


def test_what_a_user_writes_is_the_owners_on_the_host(run, folder):
    attempt, log = run("echo x > /src/made", user="nobody", **mounted(folder, RW))
    assert attempt.outcome is Outcome.PASSED, log
    assert ((folder / "made").stat().st_uid, (folder / "made").stat().st_gid) == (OWNER, OWNER)


def test_rw_gives_no_rights_to_what_is_somebody_elses(run, folder):
    attempt, log = run(
        """
        stat -c %u:%g /src/other
        cat /src/other 2>&1 || true
        chown 0:0 /src/other 2>&1 || true
        echo x >> /src/other 2>&1 || true
        """,
        argv=("sh", "-c", "cat /src/other; chown 0:0 /src/other; chmod 666 /src/other; (echo x >> /src/other)"),
        **mounted(folder, RW),
    )
    assert attempt.outcome is Outcome.FAILED
    assert log.count(b"ermission denied") + log.count(b"not permitted") + log.count(b"Value too large") == 4, log
    status = (folder / "other").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (4321, 0o600)
    assert (folder / "other").read_text() == "of another\n"


def test_further_users_of_the_container_write_as_ids_that_nobody_of_the_host_has(run, folder):
    attempt, log = run("touch /src/given; chown 7:8 /src/given", **mounted(folder, RW))
    assert attempt.outcome is Outcome.PASSED, log
    status = (folder / "given").stat()
    assert (status.st_uid, status.st_gid) == (0x70000007, 0x70000008)


@pytest.mark.parametrize(("group", "kept"), [(OWNER, True), (0, False), (4321, False)])
def test_a_group_that_the_owner_is_not_in_is_not_the_jobs(run, folder, group, kept):
    os.chown(folder, OWNER, group)
    attempt, log = run("touch /src/made; chmod 2755 /src/made", **mounted(folder, RW))
    assert attempt.outcome is Outcome.PASSED, log
    assert (folder / "made").stat().st_gid == (group if kept else 0x70000000)


def test_what_everybody_may_write_is_open(run, folder):
    (folder / "other").chmod(0o666)
    attempt, log = run("echo x > /src/other; stat -c %U /src/other", **mounted(folder, RW))
    assert (attempt.outcome, log) == (Outcome.PASSED, b"nobody\n")
    assert ((folder / "other").stat().st_uid, (folder / "other").read_text()) == (4321, "x\n")


def test_a_folder_of_roots_is_written_as_root(run, folder):
    os.chown(folder, 0, 4321)
    attempt, log = run("touch /src/made", **mounted(folder, RW))
    assert attempt.outcome is Outcome.PASSED, log
    assert ((folder / "made").stat().st_uid, (folder / "made").stat().st_gid) == (0, 4321)


def test_overlay_of_a_folder_with_files_of_many_can_be_changed_throughout(run, folder):
    attempt, log = run("cat /src/other; echo x > /src/other; chown 0:0 /src/other", **mounted(folder, OVERLAY))
    assert attempt.outcome is Outcome.PASSED, log
    assert (folder / "other").stat().st_uid == 4321
    assert (folder / "other").read_text() == "of another\n"


def test_writes_to_an_overlay_count_as_the_jobs_memory(run, folder):
    attempt, _ = run(
        "head -c 100000000 /dev/zero > /src/fill", limits=Limits(memory_bytes=32 * MIB), **mounted(folder, OVERLAY)
    )
    assert attempt.outcome in (Outcome.OOM, Outcome.FAILED)
    assert not (folder / "fill").exists()


def test_one_file_system_is_shown_and_not_what_is_mounted_in_it(run, folder, own_corner):
    m.mount("farm-test", str(folder / "sub"), "tmpfs", 0, "size=1m")
    try:
        attempt, log = run(
            "ls /src/sub; ls /tmp/sub | wc -l",
            mounts=(Mount(str(folder), "/src"), Mount(str(folder / "sub"), "/tmp/sub")),
        )
    finally:
        m.umount2(str(folder / "sub"))
    assert attempt.outcome is Outcome.PASSED, log
    assert log.endswith(b"deep\n0\n")  # after a line of the farm's where this kernel cannot idmap a tmpfs


@pytest.fixture
def merged(folder, tmp_path, own_corner):
    """The folder seen through an overlay of the host's, which no kernel can idmap."""
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={folder},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    m.mount("farm-test", str(tmp_path / "merged"), "overlay", 0, options)
    yield tmp_path / "merged"
    m.umount2(str(tmp_path / "merged"))


@pytest.mark.parametrize("mode", [RO, OVERLAY])
def test_what_cannot_be_idmapped_is_read_as_everybody_may_and_the_log_says_so(run, merged, mode):
    attempt, log = run("cat /src/file; cat /src/private 2>/dev/null || echo closed", **mounted(merged, mode))
    assert attempt.outcome is Outcome.PASSED, log
    told, *read = log.splitlines()
    assert told.startswith(f"[farm: {merged} at /src, {mode.value}: its file system cannot be idmapped".encode())
    assert read == [b"from the host", b"closed"]


def test_what_cannot_be_idmapped_is_not_written_to(run, merged):
    attempt, _ = run("true", **mounted(merged, RW))
    assert attempt.outcome is Outcome.ERROR
    assert "its file system cannot be idmapped" in attempt.reason


def test_without_a_user_namespace_ids_are_those_of_the_host(unpacked, folder, tmp_path):
    rootfs = unpacked("alpine-3.20")
    engine = LocalEngine(f"test-{os.getpid()}", str(tmp_path / "run"), (rootfs,), None)
    job = make_job("stat -c %u /src/file; touch /src/made", **mounted(folder, RW))
    (attempt,) = asyncio.run(run_jobs(engine, rootfs, [job]))
    assert attempt.outcome is Outcome.PASSED
    assert (tmp_path / "run" / attempt.log_path).read_bytes() == b"1234\n"
    assert (folder / "made").stat().st_uid == 0


def test_the_farms_own_folder_is_refused(unpacked, tmp_path):
    rootfs = unpacked("alpine-3.20")
    home = tmp_path / "home"
    (home / "store").mkdir(parents=True)
    engine = LocalEngine(
        f"test-{os.getpid()}", str(tmp_path / "run"), (rootfs,), IdMap(0x70000000), scratch_dir=str(home)
    )
    (tmp_path / "link").symlink_to(home)
    wanted = [(home, RO), (home / "store", OVERLAY), (tmp_path / "link", RO), (tmp_path, RW), (tmp_path, RO)]
    jobs = [make_job("true", id=f"t/{n}", **mounted(*each)) for n, each in enumerate(wanted)]
    attempts = asyncio.run(run_jobs(engine, rootfs, jobs))
    *refused, shown = attempts
    assert [each.outcome for each in refused] == [Outcome.ERROR] * 4
    assert all("the farm's own folder" in each.reason for each in refused)
    assert shown.outcome is Outcome.PASSED


def test_nested_targets(run, folder):
    (folder / "in").mkdir()
    attempt, log = run(
        "cat /src/in/deep; touch /src/new; touch /src/in/new 2>/dev/null && exit 1; true",
        mounts=(Mount(str(folder), "/src", OVERLAY), Mount(str(folder / "sub"), "/src/in", RO)),
    )
    assert attempt.outcome is Outcome.PASSED, log
    assert sorted(os.listdir(folder / "in")) == []


def test_B15_a_mount_in_a_mount_does_not_appear_on_the_host(run, folder, own_corner):
    """The host's mounts are shared here, as under systemd: what is mounted on a copy of one would be on all."""
    attempt, log = run(
        "echo x > /src/sub/inner; cat /src/sub/inner; grep -c ' /src .*shared:' /proc/self/mountinfo || true",
        mounts=(Mount(str(folder), "/src", RW), Mount(str(folder.parent), "/src/sub", OVERLAY)),
    )
    assert not (folder / "sub" / "inner").exists()
    assert (folder / "sub" / "deep").read_text() == "deep\n"
    assert (attempt.outcome, log) == (Outcome.PASSED, b"x\n0\n")


def test_it_works_on_a_disk_backed_scratch_space(run, folder):
    attempt, log = run(
        "echo x > /src/file; echo y > /one; cat /src/file /one",
        limits=Limits(disk_bytes=64 * MIB),
        mounts=(Mount(str(folder), "/src", OVERLAY), Mount(str(folder / "file"), "/one", OVERLAY)),
    )
    assert (attempt.outcome, log) == (Outcome.PASSED, b"x\ny\n")


# What is refused, and says so


@pytest.mark.parametrize("mode", MountMode)
def test_missing_source_is_an_error_that_names_the_mount(run, tmp_path, mode):
    attempt, _ = run("true", **mounted(tmp_path / "nowhere", mode))
    assert attempt.outcome is Outcome.ERROR
    assert f"{tmp_path}/nowhere at /src, {mode.value}: No such file or directory" in attempt.reason
    assert attempt.failure is not None
    assert attempt.failure.step == "mount"


@pytest.mark.parametrize("source", ["/proc", "/proc/sys", "/sys", "/sys/fs/cgroup"])
def test_the_kernels_own_files_are_refused(run, source):
    attempt, _ = run("true", **mounted(source, RO))
    if source == "/sys/fs/cgroup" and attempt.outcome is Outcome.PASSED:
        return  # a tmpfs, on hosts with cgroup v1
    assert attempt.outcome is Outcome.ERROR
    assert f"{source} at /src, ro: these are the kernel's own files" in attempt.reason


@pytest.mark.parametrize("target", ["/", "//", "/proc", "/proc/sys", "/sys/x", "/a/../proc", "relative"])
def test_targets_that_are_refused(run, folder, target):
    attempt, _ = run("true", **mounted(folder, RO, target))
    assert attempt.outcome is Outcome.ERROR
    assert "nothing can be mounted there" in attempt.reason


def test_devices_are_refused(run):
    attempt, _ = run("true", **mounted("/dev/null", RO, "/null"))
    assert attempt.outcome is Outcome.ERROR
    assert "neither a file nor a folder" in attempt.reason


def test_a_folder_at_a_file_is_refused(run, folder):
    attempt, _ = run("true", **mounted(folder, RO, "/etc/passwd"))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.startswith(f"mount {folder} at /etc/passwd: ")


def test_B02_links_in_a_target_lead_nowhere_outside(run, folder, tmp_path):
    top, outside = tmp_path / "layer", tmp_path / "outside"
    inside = top / str(outside).lstrip("/")
    inside.mkdir(parents=True)
    outside.mkdir()
    (top / "absolute").symlink_to(outside)
    (top / "up").symlink_to("../../../../../../../" + str(outside))
    for name in ("absolute", "up"):
        attempt, log = run(f"cat {outside}/in/file /{name}/in/file", top=top, **mounted(folder, RO, f"/{name}/in"))
        assert attempt.outcome is Outcome.PASSED, (attempt.reason, log)
        assert log == b"from the host\n" * 2
    assert os.listdir(outside) == []


def test_B02_a_link_to_nowhere_is_an_error(run, folder, tmp_path):
    top, outside = tmp_path / "layer", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    (top / "link").symlink_to(outside)
    attempt, _ = run("true", top=top, **mounted(folder, RO, "/link/in"))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.startswith(f"mount {folder} at /link/in: ")
    assert os.listdir(outside) == []


@pytest.mark.parametrize("link", ["/proc", "/proc/self", "/proc/1/root", "/sys/kernel"])
def test_B02_links_in_a_target_do_not_lead_to_the_kernels_files(run, folder, tmp_path, link):
    top = tmp_path / "layer"
    top.mkdir()
    (top / "link").symlink_to(link)
    attempt, _ = run("true", top=top, **mounted(folder, RO, "/link"))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason.startswith(f"mount {folder} at /link: ")


def test_setuid_programs_of_the_host_gain_nothing(run, folder):
    shutil.copy("/bin/true", folder / "program")
    (folder / "program").chmod(0o4755)
    attempt, log = run("grep ' /src ' /proc/self/mounts", no_new_privs=False, **mounted(folder, RO))
    assert attempt.outcome is Outcome.PASSED
    assert {b"ro", b"nosuid", b"nodev"} <= set(log.split()[3].split(b","))


def test_more_mounts_than_one_message_takes_are_an_error_that_says_how_many(run, folder):
    attempt, _ = run("true", mounts=tuple(Mount(str(folder), f"/m{number}", MountMode.RO) for number in range(70)))
    assert attempt.outcome is Outcome.ERROR
    assert attempt.reason == "mount: a job can have 56 mounts, not 70"

# SPDX-License-Identifier: Apache-2.0
# What a hostile program in a sandbox tries: one function per thing. Each returns when it was kept from it, and
# returns what it got when it was not. Started by sandbox_hostile.bats, inside, and outside as the control: there
# the tries marked with `control`, none of which changes anything, must succeed, so that a try that cannot succeed
# anywhere is found out. The others would do harm outside and are never made there.
import ctypes, errno, fcntl, glob, json, os, signal, socket, struct, sys, termios

facts = json.load(open(sys.argv[1]))  # of the outside: paths, pids, ports; what an attacker could know or guess
libc = ctypes.CDLL(None, use_errno=True)
tries = []


def attempt(name, control=False):
    def keep(f):
        tries.append((name, f, control))
        return f
    return keep


def reads(name, path, control=True):
    @attempt("read " + name, control)
    def _():
        return open(path, "rb").read(64)


def writes(name, path, control=False):
    @attempt("write " + name, control)
    def _():
        with open(path, "ab") as f:
            f.write(b"owned")
        # Memory of its own in the place of the host's file is no harm: the test looks at the file from outside.
        return None


def connects(name, address, family=socket.AF_UNIX, control=True):
    @attempt("connect to " + name, control)
    def _():
        s = socket.socket(family)
        s.settimeout(2)
        s.connect(address)
        return "connected"


def call(nr, *args):
    r = libc.syscall(ctypes.c_long(nr), *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), "system call %d" % nr)
    return r


home = facts["home"]
reads("ssh key", home + "/.ssh/id_ed25519")
reads("npm token", home + "/.npmrc")
reads("cloud credentials", home + "/.aws/credentials")
reads("git credentials", home + "/.git-credentials")
reads("browser profile", home + "/.mozilla/cookies.sqlite")
reads("file of another project", facts["other"])
reads("file in the host's /tmp", facts["tmp"])
reads("file in the host's /dev/shm", facts["shm"])
reads("file through a link", facts["link"])
reads("environment of a process outside", "/proc/%d/environ" % facts["victim"])
reads("root of a process outside", "/proc/%d/root/etc/hostname" % facts["victim"])
reads("the same file through /proc/1/root", "/proc/1/root" + facts["other"], control=False)
reads("kernel memory", "/proc/kcore", control=False)
reads("kernel log", "/dev/kmsg", control=False)
reads("memory of the machine", "/dev/mem", control=False)
for disk in ("/dev/vda", "/dev/sda", "/dev/nvme0n1"):
    reads("disk " + disk, disk, control=False)
writes("the shell's start file", home + "/.bashrc")
writes("ssh authorized keys", home + "/.ssh/authorized_keys")
writes("a user's systemd unit", home + "/.config/systemd/user/own.service")
writes("an autostart entry", home + "/.config/autostart/own.desktop")
writes("a git hook", facts["work"] + "/.git/hooks/post-commit")
writes("the git configuration", facts["work"] + "/.git/config")
writes("password file", "/etc/passwd")
writes("a system program", "/usr/bin/env")
writes("crontab", "/var/spool/cron/crontabs/own")
writes("core pattern", "/proc/sys/kernel/core_pattern")
writes("a module parameter", "/sys/module/kernel/parameters/panic")
writes("sysrq", "/proc/sysrq-trigger")
writes("own oom score below zero", "/proc/self/oom_score_adj")
connects("the session bus", facts["bus"])
connects("the ssh agent", facts["agent"])
connects("a daemon in /run or /tmp", facts["daemon"])
connects("the X server's socket", facts["x11"])
connects("an abstract socket", "\0" + facts["abstract"])
connects("a port on the host's loopback", ("127.0.0.1", facts["port"]), socket.AF_INET)
connects("another machine", ("192.0.2.1", 80), socket.AF_INET, control=False)


@attempt("secret in the environment", control=True)
def _():
    return os.environ.get("API_TOKEN")


@attempt("an inherited descriptor", control=True)
def _():
    got = []
    for fd in range(3, 64):
        try:
            path = os.readlink("/proc/self/fd/%d" % fd)
            if facts["other"] in path:
                got.append(os.pread(fd, 64, 0))
        except OSError:
            pass
    return got or None


@attempt("see processes outside", control=True)
def _():
    return os.path.isdir("/proc/%d" % facts["victim"]) and facts["marker"] in open(
        "/proc/%d/cmdline" % facts["victim"]).read()


@attempt("signal a process outside", control=True)
def _():
    os.kill(facts["victim"], 0)
    # The number may be one of our own inside.
    return facts["marker"] in open("/proc/%d/cmdline" % facts["victim"]).read()


@attempt("kill everybody")
def _():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        os.kill(-1, signal.SIGTERM)
        os._exit(0)


@attempt("trace a process outside")
def _():
    return libc.ptrace(16, facts["victim"], 0, 0) == 0 and facts["marker"] in open(
        "/proc/%d/cmdline" % facts["victim"]).read()


@attempt("keys of the caller's session")
def _():
    return call(250, 10, ctypes.c_char_p(b"user"), ctypes.c_char_p(b"ctr-test-secret"), ctypes.c_char_p(b""), 0)  # KEYCTL_SEARCH


@attempt("type into the terminal (TIOCSTI)")
def _():
    for fd in (0, 1, 2):
        if os.isatty(fd):
            fcntl.ioctl(fd, termios.TIOCSTI, b"x")
            return "typed"


@attempt("shared memory of System V", control=True)
def _():
    call(29, facts["shmkey"], 0, 0)  # shmget
    return "got it"


@attempt("mount")
def _():
    return libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0


@attempt("unmount what hides the home")
def _():
    return libc.umount2(home.encode(), 2) == 0


@attempt("a user namespace with all capabilities in it")
def _():
    call(272, 0x10000000)  # unshare(CLONE_NEWUSER)
    return "made"


@attempt("clone3, which the filter cannot look into")
def _():
    args = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17)
    pid = call(435, ctypes.byref(args), 64)
    if pid == 0:
        os._exit(0)
    return "made"


@attempt("chroot")
def _():
    os.chroot("/tmp")
    return "done"


@attempt("device node")
def _():
    os.mknod("/tmp/disk", 0o60666, os.makedev(254, 0))
    return open("/tmp/disk", "rb").read(1)


@attempt("file handle")
def _():
    handle = ctypes.create_string_buffer(struct.pack("Ii", 8, 1) + b"\2\0\0\0\0\0\0\0" + b"\0" * 120)
    return call(304, -100, handle, 0)


@attempt("ftrace, bpf, perf, userfaultfd, io_uring, kexec, module")
def _():
    for name, nr, args in (("bpf", 321, (0, 0, 0)), ("perf_event_open", 298, (ctypes.create_string_buffer(128), 0, -1, -1, 0)),
                           ("userfaultfd", 323, (0,)), ("io_uring_setup", 425, (1, ctypes.create_string_buffer(128))),
                           ("kexec_load", 246, (0, 0, 0, 0)), ("init_module", 175, (0, 0, 0)), ("open_tree", 428, (-100, b"/", 1))):
        try:
            call(nr, *args)
            return name
        except OSError as e:
            if e.errno not in (errno.EPERM, errno.ENOSYS, errno.EACCES):
                return "%s was let through: %s" % (name, e)


@attempt("clock, host name, reboot, swap")
def _():
    for nr, args in ((170, (b"owned", 5)), (227, (0, ctypes.create_string_buffer(16))), (169, (0xfee1dead, 672274793, 0, 0)),
                     (167, (b"/tmp/x", 0))):
        try:
            call(nr, *args)
            return nr
        except OSError:
            pass


@attempt("raw socket")
def _():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
    return "made"


@attempt("vsock, to the machine below")
def _():
    s = socket.socket(40)
    s.settimeout(1)
    s.connect((2, 22))
    return "connected"


@attempt("gain by a set-id program")
def _():
    with open("/proc/self/status") as f:
        status = dict(line.split(":", 1) for line in f)
    return None if int(status["NoNewPrivs"]) == 1 else "no_new_privs is not set"


@attempt("capabilities")
def _():
    with open("/proc/self/status") as f:
        status = dict(line.split(":", 1) for line in f)
    return [k for k in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb") if int(status[k], 16)] or None


@attempt("cgroup files")
def _():
    for f in glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True):
        open(f, "w").write("0")
        return f


@attempt("leave by a descriptor of the parent's directory", control=True)
def _():
    d = os.open(".", os.O_RDONLY)
    for _ in range(20):
        d = os.open("..", os.O_RDONLY, dir_fd=d)
    return os.path.basename(facts["other"]) in os.listdir(os.open(os.path.dirname(facts["other"]).lstrip("/"), os.O_RDONLY, dir_fd=d))


if facts["inside"] and socket.gethostname() != "sandbox":
    sys.exit("not in a sandbox")
failures = made = 0
for name, f, control in tries:
    if not facts["inside"] and not control:
        continue
    made += 1
    try:
        got = f()
    except (OSError, KeyError, ValueError) as e:
        got = None
    if facts["inside"] and got:
        print("got: %s: %r" % (name, got))
        failures += 1
    elif not facts["inside"] and control and not got:
        print("not even outside: %s" % name)
        failures += 1
print("%d tries, %d failed" % (made, failures))
sys.exit(1 if failures else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile root filesystems: something unfit at every place that the runtime touches, each started by `ctr run`.

    roots.py RUNTIME BUNDLE STATE CANARY

Of each: it ends in time, with status 0 or one line of error; nothing is left in the state directory; and the files of
CANARY, which the links in the root lead to, stay as they are. Prints what is not so, and a sum.
"""
import hashlib, json, os, shutil, socket, stat, subprocess, sys, time

runtime, bundle, state, canary = sys.argv[1:]
config = json.load(open(bundle + "/config.json"))
config["process"]["args"] = ["/bin/busybox", "true"]
config["process"]["cwd"] = "/home"
config["process"]["env"] = ["PATH=/bin"]
config["root"]["readonly"] = False
config["mounts"] += [{"destination": "/vol", "type": "bind", "source": canary + "/vol", "options": ["bind", "ro"]},
                     {"destination": "/file", "type": "bind", "source": canary + "/file", "options": ["bind", "ro"]},
                     {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=64k"]}]
config["linux"]["maskedPaths"] = ["/proc/keys", "/masked"]
config["linux"]["readonlyPaths"] = ["/proc/sys", "/readonly"]
json.dump(config, open(bundle + "/config.json", "w"))
good = bundle + "/rootfs"
root = os.geteuid() == 0
WALL = 20

PLACES = ["proc", "dev", "sys", "vol", "file", "tmp", "home", "masked", "readonly", "etc", "etc/passwd", "etc/group", "bin/busybox",
          "dev/pts", "dev/shm", "dev/null", "dev/console", "dev/ptmx", "dev/fd", "dev/mqueue"]


def link(to):
    def make(path):
        os.symlink(to, path)
    return make


def fifo(path):
    os.mkfifo(path)


def unix(path):
    d = os.open(os.path.dirname(path), os.O_RDONLY)
    old = os.getcwd()
    os.fchdir(d)
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.basename(path))
    s.close()
    os.chdir(old)
    os.close(d)


def device(path):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))


def file(path):
    open(path, "w").write("#!/nosuch/interpreter\n")
    os.chmod(path, 0o755)


def chain(path):
    for i in range(45):
        os.symlink("link%d" % (i + 1), "%s/link%d" % (good, i))
    os.mkdir(good + "/link45")
    os.symlink("/link0", path)


KINDS = {
    "absolute link to the host": link(canary + "/vol"),
    "relative link to the host": link("../" * 30 + canary.lstrip("/") + "/file"),
    "link to the root": link("/"),
    "link to itself": link("."),
    "loop": lambda p: os.symlink(os.path.basename(p), p),
    "link to /proc/self/exe": link("/proc/self/exe"),
    "link to /proc/self/fd/3": link("/proc/self/fd/3"),
    "chain of 45 links": chain,
    "dangling link": link("/no/such/place"),
    "FIFO": fifo,
    "socket": unix,
    "file": file,
    "directory": lambda p: os.makedirs(p + "/inner"),
    "nothing": lambda p: None,
}
if root:
    KINDS["device"] = device


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def fingerprint():
    h = hashlib.sha256()
    for top, dirs, files in sorted(os.walk(canary)):
        for f in sorted(dirs + files):
            s = os.lstat(os.path.join(top, f))
            h.update(("%s %o %d %d %d" % (os.path.join(top, f), s.st_mode, s.st_size, s.st_mtime_ns, s.st_nlink)).encode())
    return h.hexdigest()


keep = bundle + "/good"
os.rename(good, keep)
before, bad, count, fine = fingerprint(), 0, 0, 0
for place in PLACES:
    for kind, make in KINDS.items():
        remove(good)
        shutil.copytree(keep, good, symlinks=True)
        for d in ("home", "etc", "dev", "masked", "readonly", "tmp"):
            os.makedirs("%s/%s" % (good, d), exist_ok=True)
        path = "%s/%s" % (good, place)
        remove(path)
        make(path)
        count += 1
        start = time.monotonic()
        try:
            r = subprocess.run([runtime, "--root", state, "run", "-b", bundle, "hostile"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=WALL)
            text, code = r.stderr.decode(errors="replace"), r.returncode
        except subprocess.TimeoutExpired:
            text, code = "", None
        wrong = []
        if code is None:
            wrong.append("it hangs")
        elif code == 0:
            fine += 1
        elif code == 2 and place == "bin/busybox" and kind == "link to /proc/self/exe":
            pass  # the sealed copy of our own init, which knows no such call
        elif code not in (1, 126, 127) or len(text.strip().splitlines()) != 1 or not text.startswith("ctr: "):
            wrong.append("status %s: %r" % (code, text[:200]))
        if os.path.isdir(state) and os.listdir(state):
            wrong.append("left in the state: %s" % os.listdir(state))
            subprocess.run([runtime, "--root", state, "delete", "--force", "hostile"])
        now = fingerprint()
        if now != before:
            wrong.append("the canary has changed")
            before = now
        if wrong:
            bad += 1
            print("%s is %s: %s" % (place, kind, "; ".join(wrong)))
print("%d roots: %d start, %d are refused; %d wrong" % (count, fine, count - fine, bad))
sys.exit(1 if bad else 0)

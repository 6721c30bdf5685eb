#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile configurations: hundreds of them, made from tables, each given to `ctr run`.

    configs.py RUNTIME BUNDLE STATE CANARY

Of each: it ends with one line of error that names the member, or it is one of the few that are accepted and says so
here; it takes little time of the processor and little memory; it leaves nothing in the state directory; and the files
of CANARY stay as they are. Prints what is not so, and a sum.
"""
import copy, hashlib, json, os, subprocess, sys, time

runtime, bundle, state, canary = sys.argv[1:5]
CPU, MEMORY, WALL = 0.1, 32 << 10, 20  # seconds, KiB; the last only finds out what hangs
if "-san/" in os.path.realpath(runtime):  # the sanitizers' own memory and time
    CPU, MEMORY = CPU * 20, MEMORY * 40


def make():
    """Yields (name, document, what the error says or None)."""
    base = json.load(open(bundle + "/config.json"))
    base["process"]["args"] = ["/bin/true"]

    # More members than a template has, so that there is something to damage.
    base["process"].update({"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}], "oomScoreAdj": 100})
    base["process"]["user"] = {"uid": base["process"]["user"]["uid"], "gid": base["process"]["user"]["gid"], "umask": 18}
    base["hooks"] = {"poststop": [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5}]}
    base["annotations"] = {"org.example": "value"}
    linux = base["linux"]
    linux["sysctl"] = {"net.ipv4.ip_forward": "0"}
    linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "flags": [],
                        "syscalls": [{"names": ["kexec_load"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
                                      "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]}
    linux["rootfsPropagation"] = "slave"
    linux.setdefault("maskedPaths", ["/proc/keys"])
    linux.setdefault("readonlyPaths", ["/proc/sys"])
    base["mounts"].append({"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=4k"]})

    cases = []  # (name, bytes, what must be in the error, or None where it is accepted)


    def case(name, config, said):
        data = config if isinstance(config, bytes) else json.dumps(config).encode()
        cases.append((name, data, said))


    def paths(value, at=()):
        """Every member and element of the document."""
        if at:
            yield at
        if isinstance(value, dict):
            for k in value:
                yield from paths(value[k], at + (k,))
        elif isinstance(value, list):
            for i in range(min(len(value), 1)):  # one element stands for all
                yield from paths(value[i], at + (i,))


    def get(config, at):
        for k in at:
            config = config[k]
        return config


    def changed(at, value):
        c = copy.deepcopy(base)
        get(c, at[:-1])[at[-1]] = value
        return c


    def shown(at):
        """The path as messages write it, up to its last name."""
        names = [k for k in at if isinstance(k, str)]
        return names[-1]


    FREE = ("annotations", "sysctl")  # maps whose names are the user's
    DOCUMENTED = "documented acceptance"
    EITHER = "either"  # the kernel or the caller's privilege decides

    # 1. Wrong types, everywhere.
    wrong = {str: (7, [1], True), int: ("x", [1], 1.5, True), bool: ("true", 1), list: ("x", 7), dict: ("x", 7, [1])}
    for at in paths(base):
        for value in wrong[type(get(base, at))]:
            case("type of %s: %r" % (".".join(map(str, at)), value), changed(at, value), shown(at))

    # 2. Numbers at and beyond every end.
    for at in paths(base):
        if type(get(base, at)) is int:
            for text in ("-99999999999999999999", "18446744073709551616", "1e400", "1.0e2", "0x10", "01", "+1", "NaN", "--1"):
                c = json.dumps(changed(at, "@@")).replace('"@@"', text)
                case("number of %s: %s" % (".".join(map(str, at)), text), c.encode(), "")

    # 3. Strings that C, the kernel or a terminal would take for something else.
    for at in paths(base):
        if type(get(base, at)) is str and at[0] not in FREE:
            text = json.dumps(changed(at, "@@"))
            for name, inside in (("NUL", b'"a\\u0000b"'), ("bytes that are no UTF-8", b'"a\xff\xfe"'), ("half a surrogate", b'"\\ud800"')):
                case("%s in %s" % (name, ".".join(map(str, at))), text.encode().replace(b'"@@"', inside), "")

    # 4. Names given twice, in every object.
    for at in paths(base):
        value = get(base, at)
        if isinstance(value, dict) and value:
            key = next(iter(value))
            text = json.dumps(changed(at, "@@"))
            twice = json.dumps(value)[:-1] + ", " + json.dumps(key) + ": " + json.dumps(value[key]) + "}"
            case("%s twice in %s" % (key, ".".join(map(str, at))), text.replace('"@@"', twice).encode(), key)

    # 5. Words that are not known.
    WORDS = (("ociVersion",), ("process", "rlimits", 0, "type"), ("linux", "namespaces", 0, "type"), ("linux", "seccomp", "defaultAction"),
             ("linux", "seccomp", "architectures", 0), ("linux", "seccomp", "syscalls", 0, "action"),
             ("linux", "seccomp", "syscalls", 0, "args", 0, "op"), ("linux", "rootfsPropagation"))
    for at in WORDS:
        for word in ("nonsense", get(base, at).lower() + "x", " " + get(base, at), get(base, at) + "\n"):
            case("word of %s: %r" % (".".join(map(str, at)), word), changed(at, word), shown(at))

    # 6. What only the whole makes wrong. Each row: name, change, what the error says.
    ROWS = (
        ("no process.cwd", lambda c: c["process"].pop("cwd"), "process.cwd"),
        ("relative process.cwd", lambda c: c["process"].update(cwd="x"), "process.cwd"),
        ("empty args", lambda c: c["process"].update(args=[]), "process.args"),
        ("no root", lambda c: c.pop("root"), "root"),
        ("no root.path", lambda c: c["root"].pop("path"), "root.path"),
        ("root.path that is not there", lambda c: c["root"].update(path="nosuch"), "nosuch"),
        ("root.path that is a file", lambda c: c["root"].update(path="config.json"), "config.json"),
        ("no ociVersion", lambda c: c.pop("ociVersion"), "ociVersion"),
        ("ociVersion of another age", lambda c: c.update(ociVersion="9.0.0"), "ociVersion"),
        ("uid -1", lambda c: c["process"]["user"].update(uid=4294967295), "uid"),
        ("gid -1", lambda c: c["process"]["user"].update(gid=4294967295), "gid"),
        ("uid that is not mapped", lambda c: c["process"]["user"].update(uid=4294967294), EITHER),
        ("umask too large", lambda c: c["process"]["user"].update(umask=4096), "umask"),
        ("environment without =", lambda c: c["process"]["env"].append("NOVALUE"), "env"),
        ("environment without a name", lambda c: c["process"]["env"].append("=x"), "env"),
        ("rlimit twice", lambda c: c["process"]["rlimits"].append(c["process"]["rlimits"][0]), "rlimits"),
        ("soft above hard", lambda c: c["process"]["rlimits"][0].update(soft=2, hard=1), "rlimits"),
        ("oomScoreAdj too large", lambda c: c["process"].update(oomScoreAdj=1001), "oomScoreAdj"),
        ("hook path relative", lambda c: c["hooks"]["poststop"][0].update(path="true"), "path"),
        ("hook timeout 0", lambda c: c["hooks"]["poststop"][0].update(timeout=0), "timeout"),
        ("namespace twice", lambda c: c["linux"]["namespaces"].append(c["linux"]["namespaces"][0]), "namespaces"),
        ("namespace path not there", lambda c: c["linux"]["namespaces"][0].update(path="/nosuch/ns"), "nosuch"),
        ("namespace path that is a file", lambda c: c["linux"]["namespaces"][0].update(path="/etc/passwd"), "/etc/passwd"),
        ("mount without destination", lambda c: c["mounts"].append({"type": "tmpfs"}), "destination"),
        ("mount of an unknown file system", lambda c: c["mounts"].append({"destination": "/m", "type": "nosuchfs", "source": "x"}), "nosuchfs"),
        ("bind without source", lambda c: c["mounts"].append({"destination": "/m", "type": "bind", "options": ["bind"]}), "source"),
        ("bind of nothing", lambda c: c["mounts"].append({"destination": "/m", "type": "bind", "source": "/nosuch", "options": ["bind"]}), "nosuch"),
        ("mount over the root", lambda c: c["mounts"].append({"destination": "/", "type": "tmpfs", "source": "tmpfs"}), ""),
        ("mount option unknown", lambda c: c["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "x", "options": ["nosuchoption"]}), ""),
        ("sysctl of the host", lambda c: c["linux"]["sysctl"].update({"kernel.core_pattern": "|/bin/true"}), "kernel.core_pattern"),
        ("sysctl that climbs", lambda c: c["linux"]["sysctl"].update({"net/../kernel.core_pattern": "x"}), "sysctl"),
        ("masked path relative", lambda c: c["linux"]["maskedPaths"].append("proc/x"), "maskedPaths"),
        ("readonly path relative", lambda c: c["linux"]["readonlyPaths"].append("../x"), "readonlyPaths"),
        ("cgroup path that climbs", lambda c: c["linux"].update(cgroupsPath="/../../x"), "cgroupsPath"),
        ("unified file that climbs", lambda c: c["linux"].setdefault("resources", {}).update(unified={"../x": "1"}), "unified"),
        ("unified file with a slash", lambda c: c["linux"].setdefault("resources", {}).update(unified={"a/b": "1"}), "unified"),
        ("pids limit of words", lambda c: c["linux"].setdefault("resources", {}).update(pids={"limit": "many"}), "pids"),
        ("memory limit below zero", lambda c: c["linux"].setdefault("resources", {}).update(memory={"limit": -2}), "memory"),
        ("shares too large", lambda c: c["linux"].setdefault("resources", {}).update(cpu={"shares": 1 << 62}), ""),
        ("device rule of an unknown type", lambda c: c["linux"].setdefault("resources", {}).update(devices=[{"allow": True, "type": "q", "access": "r"}]), "devices"),
        ("device rule of an unknown access", lambda c: c["linux"].setdefault("resources", {}).update(devices=[{"allow": True, "type": "c", "access": "z"}]), "access"),
        ("device without a path", lambda c: c["linux"].update(devices=[{"type": "c", "major": 1, "minor": 3}]), "path"),
        ("device path that climbs", lambda c: c["linux"].update(devices=[{"path": "/dev/../../x", "type": "p"}]), EITHER),
        ("id maps that overlap", lambda c: (c["linux"]["namespaces"].append({"type": "user"}) if not any(n["type"] == "user" for n in c["linux"]["namespaces"]) else None,
                                           c["linux"].update(uidMappings=[{"containerID": 0, "hostID": 0, "size": 10}, {"containerID": 5, "hostID": 100, "size": 10}])), "uidMappings"),
        ("id map that wraps", lambda c: (c["linux"]["namespaces"].append({"type": "user"}) if not any(n["type"] == "user" for n in c["linux"]["namespaces"]) else None,
                                        c["linux"].update(uidMappings=[{"containerID": 0, "hostID": 4294967290, "size": 100}])), "uidMappings"),
        ("seccomp argument index 6", lambda c: c["linux"]["seccomp"]["syscalls"][0]["args"][0].update(index=6), "index"),
        ("seccomp call not known", lambda c: c["linux"]["seccomp"]["syscalls"][0].update(names=["nosuchcall"]), DOCUMENTED),
        ("seccomp errno too large", lambda c: c["linux"]["seccomp"]["syscalls"][0].update(errnoRet=4096), "errnoRet"),
        ("seccomp flag not known", lambda c: c["linux"]["seccomp"].update(flags=["SECCOMP_FILTER_FLAG_NOSUCH"]), "flags"),
        ("annotation of ours that does not exist", lambda c: c["annotations"].update({"ctr.nosuch": "x"}), "ctr.nosuch"),
        ("capability that does not exist", lambda c: c["process"]["capabilities"].setdefault("bounding", []).append("CAP_NOSUCH"), DOCUMENTED),
        ("name in another case", lambda c: c.update(PROCESS={"args": ["/bin/false"]}), DOCUMENTED),
        ("unknown member, deep", lambda c: c.update(x={"y": [{"z": None}]}), DOCUMENTED),
        ("100,000 variables", lambda c: c["process"].update(env=["V%d=%s" % (i, "x") for i in range(100000)]), EITHER),
        ("variable of 3 MiB", lambda c: c["process"]["env"].append("A=" + "x" * (3 << 20)), ""),
        ("hostname too long", lambda c: c.update(hostname="h" * 65), "hostname"),
        ("destination too long", lambda c: c["mounts"].append({"destination": "/" + "m" * 5000, "type": "tmpfs", "source": "x"}), ""),
    )
    for name, change, said in ROWS:
        c = copy.deepcopy(base)
        change(c)
        case(name, c, None if said == DOCUMENTED else said)

    # 7. What is no document, or not only one.
    text = json.dumps(base).encode()
    for name, data in (("empty", b""), ("blank", b" \n"), ("a number", b"7"), ("a list", b"[]"), ("null", b"null"), ("text behind", text + b"x"),
                       ("two documents", text + text), ("a comment", b"/* c */" + text), ("cut", text[: len(text) // 2]), ("a comma too many", text[:-1] + b",}"),
                       ("single quotes", text.replace(b'"', b"'")), ("byte order mark", b"\xef\xbb\xbf" + text), ("UTF-16", text.decode().encode("utf-16")),
                       ("NUL behind", text + b"\0"), ("deep lists", b'{"x":' + b"[" * 100000 + b"]" * 100000 + b"}"),
                       ("deep objects", b'{"x":' * 1000 + b"1" + b"}" * 1000), ("17 MiB", text[:-1] + b',"x":"' + b"y" * (17 << 20) + b'"}'),
                       ("binary", bytes(range(256)) * 16)):
        case("document: " + name, data, "")
    return cases


# The peak memory of a child counts what its parent had before the exec: the documents are made by another process.
if len(sys.argv) == 5:
    os.mkdir(bundle + "/made")
    if os.fork() == 0:
        index = []
        for number, (name, data, said) in enumerate(make()):
            with open("%s/made/%d" % (bundle, number), "wb") as f:
                f.write(data)
            index.append((name, len(data), said))
        with open(bundle + "/made/index", "w") as f:
            json.dump(index, f)
        os._exit(0)
    if os.wait()[1]:
        sys.exit("the documents could not be made")

def fingerprint():
    h = hashlib.sha256()
    for top, dirs, files in sorted(os.walk(canary)):
        for f in sorted(files):
            p = os.path.join(top, f)
            s = os.lstat(p)
            h.update(("%s %o %d %d" % (p, s.st_mode, s.st_size, s.st_mtime_ns)).encode())
            h.update(open(p, "rb").read())
    return h.hexdigest()


cases = json.load(open(bundle + "/made/index"))
before, bad, errors, accepted = fingerprint(), 0, 0, 0
slowest, largest = (0, ""), (0, "")
err_file = bundle + "/stderr"
for number, (name, size, said) in enumerate(cases):
    os.rename("%s/made/%d" % (bundle, number), bundle + "/config.json")
    with open(err_file, "wb") as err, open(os.devnull) as null:
        start = time.monotonic()
        p = subprocess.Popen([runtime, "--root", state, "run", "-b", bundle, "hostile"], stdin=null, stdout=subprocess.DEVNULL, stderr=err)
        while True:
            pid, status, usage = os.wait4(p.pid, os.WNOHANG)
            if pid or time.monotonic() - start > WALL:
                break
            time.sleep(0.0005)
        if not pid:
            p.kill()
            _, status, usage = os.wait4(p.pid, 0)
        p.returncode = 0
    wrong = []
    text = open(err_file, "rb").read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if not pid:
        wrong.append("it hangs")
    elif said == "either" and code == 0:
        accepted += 1
    elif said is None:
        accepted += 1
        if code != 0:
            wrong.append("it should be accepted: %d, %s" % (code, text.strip()))
    else:
        errors += 1
        if code not in (1, 126, 127):
            wrong.append("status %d" % code)
        if len(text.strip().splitlines()) != 1 or not text.startswith("ctr: "):
            wrong.append("not one line: %r" % text[:200])
        elif said != "either" and said not in text:
            wrong.append("the error does not name %s: %s" % (said, text.strip()[:200]))
    cpu = usage.ru_utime + usage.ru_stime
    slowest, largest = max(slowest, (cpu, name)), max(largest, (usage.ru_maxrss, name))
    # What a program of the container uses is not counted here, what is read has its size: 16 MiB are the limit.
    if cpu > CPU * (1 if size < 1 << 20 else 10):
        wrong.append("%.0f ms of processor time" % (cpu * 1000))
    if usage.ru_maxrss > MEMORY + 3 * size // 1024:
        wrong.append("%d KiB of memory" % usage.ru_maxrss)
    if os.path.isdir(state) and os.listdir(state):
        wrong.append("left in the state: %s" % os.listdir(state))
        subprocess.run([runtime, "--root", state, "delete", "--force", "hostile"])
    if wrong:
        bad += 1
        print("%s: %s" % (name, "; ".join(wrong)))
if fingerprint() != before:
    bad += 1
    print("the canary has changed")
print("%d configurations: %d errors, %d accepted; at most %.0f ms of processor time (%s) and %d KiB (%s); %d wrong" %
      (len(cases), errors, accepted, slowest[0] * 1000, slowest[1], largest[0], largest[1], bad))
sys.exit(1 if bad else 0)

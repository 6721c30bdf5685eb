# SPDX-License-Identifier: Apache-2.0
"""What shows where a command's time, a binary's size or a run's memory goes: for the page of the benchmark (report)."""
import glob, json, os, re, statistics, subprocess

TIMES = 9 # that a command runs under strace: the medians count


def calls(words, file):
    """{system call: [how often, microseconds]} of a command and all it starts, by strace; None without."""
    seen = []
    for _ in range(TIMES):
        try:
            r = subprocess.run(["strace", "-f", "-c", "-w", "-o", file, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, timeout=120)
        except (OSError, subprocess.SubprocessError):
            return None
        if r.returncode:
            return None
        with open(file) as f:
            rows = re.findall(r"^ *[\d.]+ +([\d.]+) +\d+ +(\d+) +(?:\d+ +)?(\w+)$", f.read(), re.M)
        seen.append({name: (int(n), float(s) * 1e6) for s, n, name in rows if name != "total"})
    names = {name for one in seen for name in one}
    return {name: [statistics.median(one.get(name, (0, 0))[i] for one in seen) for i in (0, 1)] for name in names}


def spans(words_with, file, times=15):
    """Medians of what `--trace` shows, {"SIDE SPAN": us}; and the path of the trace in the middle of `times`."""
    sums, found = {}, []
    for i in range(times):
        path = "%s-%d" % (file, i)
        try:
            r = subprocess.run(words_with(path), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None, None
        if r.returncode:
            return None, None
        with open(path) as f:
            events = [e for e in json.load(f)["traceEvents"] if e["ph"] == "X"]
        one = {}
        for e in events:
            key = "%d %s" % (e["tid"], e["name"])
            one[key] = one.get(key, 0) + e["args"]["ns"] / 1000
        for key, us in one.items():
            sums.setdefault(key, []).append(us)
        found.append((max(e["args"]["start_ns"] + e["args"]["ns"] for e in events), path))
    return {k: round(statistics.median(v), 1) for k, v in sums.items()}, sorted(found)[len(found) // 2][1]


def symbols(path, *options):
    r = subprocess.run(["nm", *options, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [line.split() for line in r.stdout.splitlines()]


def parts(ctr, mapped):
    """kB of what ctr maps, of `mapped` in all, by where its symbols come from; None when it is stripped or not built here."""
    real = os.path.realpath(ctr)
    own = os.path.dirname(real) + "/libctr.a"
    real = real + ".full" if os.path.exists(real + ".full") else real
    sized = [s for s in symbols(real, "-S", "--defined-only") if len(s) == 4 and s[2] not in "bB"]
    if not sized or not os.path.exists(own):
        return None
    archives = [("our own code and tables", own)]
    for what, name in (("libseccomp", "libseccomp.a"), ("yajl", "libyajl_s.a")):
        r = subprocess.run(["cc", "-print-file-name=" + name], stdout=subprocess.PIPE, text=True)
        archives.append((what, r.stdout.strip()))
    archives += [("C library", p) for p in glob.glob("/usr/lib/*-musl/libc.a")[:1]]
    origin = {"ctr_init_image": "ctr-init, which enters the container"}
    for what, path in archives:
        for s in symbols(path, "--defined-only"):
            if len(s) >= 2:
                origin.setdefault(s[-1], what)
    result = {}
    for s in sized:
        what = origin.get(s[3], "our own code and tables")
        result[what] = result.get(what, 0) + int(s[1], 16)
    r = subprocess.run(["size", "-A", real], stdout=subprocess.PIPE, text=True)
    result["relocations"] = sum(int(n) for n in re.findall(r"^\.rela?\S* +(\d+)", r.stdout, re.M))
    result["strings and tables without a name, alignment"] = mapped * 1024 - sum(result.values())
    return {what: round(n / 1024, 1) for what, n in result.items()}

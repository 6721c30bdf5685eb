#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every piece of memory that a command asks for is refused once: alloc/run.py CTR CTR-ALLOC BUNDLE DIR [STRIDE [OFFSET]]

Of each command below the pieces are counted, and then it is run once for each (or each STRIDEth, from OFFSET) with that
one refused. It must end in time and by itself, with success or with one line of error; and afterwards `delete --force`
of a whole ctr leaves nothing in the state directory and no cgroup. Prints what is not so, and a table.
"""
import json, os, subprocess, sys

ctr, broken, bundle, work = sys.argv[1:5]
stride = int(sys.argv[5]) if len(sys.argv) > 5 else 1
offset = int(sys.argv[6]) % stride if len(sys.argv) > 6 else 0
state, counter, CGROUPS, WALL = work + "/state", work + "/counter", "/sys/fs/cgroup", 30
os.makedirs(work, exist_ok=True)
json.dump({"devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"}]},
          open(work + "/resources", "w"))


def run(program, args, env=None):
    """Status (None: it hangs) and what it says."""
    try:
        r = subprocess.run([program, "--root", state] + args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=open(work + "/stderr", "w"), timeout=WALL, env={**os.environ, **(env or {})})
        return r.returncode, open(work + "/stderr", errors="replace").read()
    except subprocess.TimeoutExpired:
        return None, ""


def whole(*args):
    status, text = run(ctr, list(args))
    if status != 0:
        sys.exit("alloc: %s: status %s: %s" % (" ".join(args), status, text))


def created():
    whole("create", "-b", bundle, "x")


def running():
    whole("run", "--detach", "-b", bundle, "x")


def clean():
    """What is wrong after delete --force."""
    status, text = run(ctr, ["delete", "--force", "x"])
    wrong = [] if status == 0 else ["delete --force: status %s: %s" % (status, text.strip())]
    if os.path.isdir(state) and os.listdir(state):
        wrong.append("left in the state: %s" % os.listdir(state))
    left = cgroups() - before
    return wrong + (["left cgroups: %s" % sorted(left)] if left else [])


def cgroups():
    return {d for d, _, _ in os.walk(CGROUPS) if d.endswith("/x")}


# An ordinary user's device rules are not his to change.
# name, what comes before, whether it is there for all trials, arguments
COMMANDS = [
    ("create", None, False, ["create", "-b", bundle, "x"]),
    ("run", None, False, ["run", "--detach", "-b", bundle, "x"]),
    ("start", created, False, ["start", "x"]),
    ("delete", created, False, ["delete", "--force", "x"]),
    ("exec", running, True, ["exec", "x", "true"]),
    *([] if os.geteuid() else [("update", running, True, ["update", "--resources", work + "/resources", "x"])]),
    ("state", running, True, ["state", "x"]),
    ("list", running, True, ["list", "--format", "json"]),
    ("kill", running, True, ["kill", "x", "CONT"]),
]


def one(args, nth):
    """(outcome, what is wrong) of a command whose nth piece is refused."""
    status, text = run(broken, args, {"CTR_ALLOC_FILE": counter, "CTR_ALLOC_FAIL": str(nth)})
    if status is None:
        return "hangs", "it hangs"
    if status < 0:
        return "killed", "killed by signal %d" % -status
    if status == 0:
        return "succeeds", None
    lines = text.strip().splitlines()
    if status not in (1, 255) or len(lines) != 1 or not lines[0].startswith("ctr: "):
        return "odd", "status %d: %r" % (status, text[:200])
    texts[lines[0]] = texts.get(lines[0], 0) + 1
    return "refused", None


def count(args):
    with open(counter, "wb") as f:
        f.write(bytes(8))
    status, text = run(broken, args, {"CTR_ALLOC_FILE": counter})
    if status != 0:
        sys.exit("alloc: %s: status %s: %s" % (" ".join(args), status, text))
    return int.from_bytes(open(counter, "rb").read(8), "little")


before, texts, total, bad = cgroups(), {}, 0, 0
print("%-8s %7s %7s %9s %9s" % ("command", "pieces", "tried", "refused", "succeeds"))
for name, first, stays, args in COMMANDS:
    if first:
        first()
    pieces, outcomes = count(args), {}
    clean()
    if stays:
        first()
    for nth in range(1 + offset, pieces + 1, stride):
        if first and not stays:
            first()
        with open(counter, "wb") as f:
            f.write(bytes(8))
        outcome, wrong = one(args, nth)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        wrong = [wrong] if wrong else []
        if stays and run(ctr, ["exec", "x", "true"])[0] != 0:
            wrong.append("the container is gone")
            wrong += clean()
            first()
        wrong += [] if stays else clean()
        if wrong:
            bad += 1
            print("%s, piece %d of %d: %s" % (name, nth, pieces, "; ".join(wrong)))
        total += 1
    for w in clean() if stays else []:
        bad += 1
        print("%s: %s" % (name, w))
    print("%-8s %7d %7d %9d %9d" % (name, pieces, sum(outcomes.values()), outcomes.get("refused", 0), outcomes.get("succeeds", 0)))
for text in sorted(texts, key=texts.get, reverse=True)[:5]:
    print("  %d times: %s" % (texts[text], text))
print("%d points tried, %d not as promised" % (total, bad))
sys.exit(bad != 0)

"""Judges a run of the Autobahn suite. Owns the count of cases and the comparison with what is expected; running it is scripts/conformance's.

    judge.py SUITE INDEX EXPECTED

SUITE says how many cases there must be, INDEX is the suite's index.json, EXPECTED a file that maps the name of each case that is not OK to what
it is instead; `12.*` speaks for a family. Ends with 1 if a case is missing or not as expected, also if it is better.
"""

import fnmatch
import json
import sys

CASES = {"core": 301, "deflate": 216, "all": 517}


def place(name):
    return [int(part) for part in name.split(".")]


def outcome(entry):
    """What became of a case, in one line: its judgement, that on the closing if it differs, and the code the gateway closed with."""
    words = [entry["behavior"]]
    if entry["behaviorClose"] not in ("OK", entry["behavior"]):
        words.append("closing " + entry["behaviorClose"])
    if entry["remoteCloseCode"] not in (None, 1000):
        words.append("closed with %d" % entry["remoteCloseCode"])
    return ", ".join(words)


def is_ok(entry):
    return entry["behavior"] == "OK" and entry["behaviorClose"] in ("OK", "INFORMATIONAL")


def expected_of(name, expected):
    if name in expected:
        return expected[name]
    return next((what for family, what in expected.items() if fnmatch.fnmatchcase(name, family)), "OK")


def main():
    suite, index, expected_path = sys.argv[1:]
    with open(expected_path) as file:
        expected = json.load(file)
    try:
        with open(index) as file:
            entries = json.load(file).get("holdfast", {})
    except FileNotFoundError:
        entries = {}
    wrong = []
    if len(entries) != CASES[suite]:
        wrong.append("%d cases were run instead of %d" % (len(entries), CASES[suite]))
    passed = 0
    for name in sorted(entries, key=place):
        found = "OK" if is_ok(entries[name]) else outcome(entries[name])
        passed += found == "OK"
        wanted = expected_of(name, expected)
        if found != wanted:
            wrong.append("%s: %s, expected: %s" % (name, found, wanted))
    for line in wrong:
        print(line)
    print("%s: %d of %d cases OK, %d as expected, %d wrong" % (
        expected_path, passed, len(entries), len(entries) - passed - len(wrong), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

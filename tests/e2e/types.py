# SPDX-License-Identifier: Apache-2.0
"""types.py - the calls of types.txt as a workflow, and what they must give.

    types.py manifest MODULE > FILE     a workflow that makes every call
    types.py check JSON...              outputs of `ipvm run --json`: the first
                                        is right, the others equal to it
"""
import json
import pathlib
import sys

TABLE = pathlib.Path(__file__).with_suffix(".txt")


def calls():
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            yield [part.strip() for part in line.split(" | ")]


def manifest(module):
    # Numbers pass as they are written: no float of Python's in between.
    tasks = ",\n".join(
        f'"t{index:03}": {{"run": {json.dumps(module + "#" + function)}, '
        f'"args": {args}}}'
        for index, (function, args, _) in enumerate(calls()))
    print(f'{{"ipvm": "1.0", "name": "types", "tasks": {{\n{tasks}\n}}}}')


def outcome(output):
    """What one task came to, as text."""
    if "end" in output:
        return output["end"] + ": " + output["message"]
    value = json.dumps(output["value"], ensure_ascii=False)
    return value if output["ok"] else "error " + value


def wanted(args, result):
    args = json.loads(args)
    if result == "=":
        result = json.dumps(args[0], ensure_ascii=False)
    if result == "==":
        result = json.dumps(args, ensure_ascii=False)
    if result.startswith("!"):
        index = result[1:].strip()
        # Messages count from 1.
        return f"refused/argument: argument {int(index) + 1}: " if index \
            else "refused/argument: "
    if result.startswith("error "):
        return "error " + json.dumps(json.loads(result[6:]))
    return json.dumps(json.loads(result), ensure_ascii=False)


def check(first, *others):
    table = list(calls())
    runs = [json.load(open(path))["outputs"] for path in (first, *others)]
    wrong = 0
    for run, path in zip(runs, (first, *others)):
        if len(run) != len(table):
            print(f"{path} has {len(run)} outputs of {len(table)}")
            return 1
    for index, (function, args, result) in enumerate(table):
        want = wanted(args, result)
        got = outcome(runs[0][index])
        if not (got.startswith(want) if result[0] == "!" else
                canonical(got) == canonical(want)):
            print(f"{function}{args} gave {got}, not {want}")
            wrong += 1
        for run, path in zip(runs, (first, *others)):
            if run[index] != runs[0][index]:
                print(f"{path}: {function}{args} gave {run[index]}, "
                      f"not {runs[0][index]}")
                wrong += 1
    return min(wrong, 1)


def canonical(text):
    """The same text for the same JSON: keys in order, floats alike."""
    mark, text = (text[:6], text[6:]) if text.startswith("error ") else \
        ("", text)
    try:
        return mark + json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return mark + text


if sys.argv[1] == "manifest":
    manifest(sys.argv[2])
else:
    sys.exit(check(*sys.argv[2:]))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A million tiny jobs through one node: its memory stays flat, its store grows
by as much for the last hundred thousand as for the first, and what is forgotten
by retention is given back by collection.

    soak.py --ipvm build/release/ipvm [--jobs N]
"""

import argparse
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torture  # noqa: E402


def manifest(module, number):
    return json.dumps({
        "ipvm": "1.0", "name": "tiny",
        "tasks": {"t": {"run": f"{module}#add", "args": [number, 1]}}})


class Client(threading.Thread):
    def __init__(self, world, numbers):
        super().__init__(daemon=True)
        self.world = world
        self.numbers = numbers
        self.trouble = None

    def run(self):
        link = self.world.node.connect(120)
        for number in self.numbers:
            status, data = self.world.node.ask(
                link, "POST", "/v1/jobs", manifest(self.world.module, number))
            while status == 429:  # The queue is full: that is how it says so.
                time.sleep(0.05)
                status, data = self.world.node.ask(
                    link, "POST", "/v1/jobs", manifest(self.world.module, number))
            if status not in (200, 201):
                self.trouble = f"{status} {data[:200]}"
                return


def open_jobs(world):
    link = world.node.connect(120)
    status, data = world.node.ask(link, "GET", "/v1/jobs?state=queued&state=running&limit=1")
    link.close()
    if status != 200:
        raise torture.Trouble(f"jobs cannot be listed: {status} {data[:200]}")
    return len(json.loads(data)["jobs"])


def used(world):
    facts = json.loads(world.command("stat", "--json"))
    return facts["file_bytes"] - facts["free_bytes"]


def step(world, first, count, clients):
    """So many more jobs, to their end. Memory in MiB, bytes of the store."""
    start = time.monotonic()
    part = count // clients
    threads = [Client(world, range(first + i * part, first + (i + 1) * part))
               for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        if thread.trouble:
            raise torture.Trouble(f"a job was refused: {thread.trouble}")
    while open_jobs(world):
        time.sleep(0.05)
    memory, files = world.node.facts()
    store = used(world)
    print(f"ok - {first + count} jobs: {count / (time.monotonic() - start):.0f}/s, "
          f"{memory} MiB, {files} files, store {store >> 20} MiB", flush=True)
    return memory, store


def check_growth(steps):
    """The first step warms up: pools, caches and free pages of the store."""
    memories = [memory for memory, _ in steps[1:]]
    if max(memories) > 1.5 * memories[0] + 64:
        raise torture.Trouble(f"memory grows: {memories} MiB")
    growth = [after[1] - before[1] for before, after in zip(steps, steps[1:])]
    if max(growth) > 2 * (sum(growth) / len(growth)) + (8 << 20):
        raise torture.Trouble(f"the store does not grow evenly: {growth}")


def listed(world):
    """How many jobs there are, up to a thousand."""
    link = world.node.connect(120)
    status, data = world.node.ask(link, "GET", "/v1/jobs?limit=1000")
    link.close()
    return len(json.loads(data)["jobs"]) if status == 200 else -1


def check_reclaimed(world, before):
    """Started again with a short memory, it forgets its jobs; what only they
    kept, a collection gives back."""
    world.node.stop()
    world.node.settings = ["keep_jobs=1s", "gc_every=1s"]
    world.node.start(faults=False)
    end = time.monotonic() + 600
    while listed(world) != 0:
        if time.monotonic() > end:
            raise torture.Trouble("jobs are not forgotten")
        time.sleep(0.5)
    world.node.stop()
    world.command("receipts", "log", "--json")
    world.command("gc", "--grace", "0", "--keep", "0")
    after = used(world)
    print(f"ok - by retention and collection {before >> 10} KiB became {after >> 10}")
    if after > before / 2:
        raise torture.Trouble("most of what nobody needs is kept")
    world.command("fsck")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ipvm", default=os.path.join(torture.ROOT, "build/release/ipvm"))
    parser.add_argument("--jobs", type=int, default=1000000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--disk", type=int, default=0)
    options = parser.parse_args()
    world = torture.World(options)
    try:
        world.node.start(faults=False)
        each = max(options.clients, options.jobs // 10)
        steps = [step(world, i * each, each, options.clients) for i in range(10)]
        check_growth(steps)
        check_reclaimed(world, steps[-1][1])
        return 0
    except torture.Trouble as trouble:
        print(f"not ok - {trouble}")
        return 1
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node in a bad world: its process, its workers and its clients are killed,
its disk is full or fails, its clock jumps, its files are damaged. After each
round it is looked at from outside: every acknowledged job is there, every
result is right, nothing ran twice, the store and its log are sound, memory and
files are as before.

    torture.py --ipvm build/release/ipvm [--seed N] [--seconds S]

The same seed plans the same rounds; what happens in them is up to the machine.
"""

import argparse
import collections
import errno
import glob
import http.client
import json
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST = os.path.join(ROOT, "bench/guests/loop.wasm")
BASE, NUMBERS = 100000, 40000  # results are five bytes long, and some recur


class Trouble(Exception):
    """What must not be."""


class Control:
    """What the preloaded library goes by; see shim.c."""

    FORMAT = "IIiIqQ"

    def __init__(self, path, seed):
        with open(path, "wb") as file:
            file.write(struct.pack(self.FORMAT, 0, 0, 0, 0, 0, seed))
        self.path = path
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)

    def set(self, syncs=0, writes=0, error=0, skew_ms=0):
        struct.pack_into("IIi", self.map, 0, syncs, writes, error)
        struct.pack_into("q", self.map, 16, skew_ms)

    def failed(self):
        return struct.unpack_from("I", self.map, 12)[0]


class Node:
    def __init__(self, world):
        self.world = world
        self.process = None
        self.port = 0
        self.cookie = ""
        self.settings = []

    def start(self, faults=True):
        env = dict(self.world.env)
        if faults:
            env["LD_PRELOAD"] = self.world.shim
            env["TORTURE_CONTROL"] = self.world.control.path
        self.log = open(self.world.path("node.err"), "ab")
        self.process = subprocess.Popen(
            [self.world.ipvm, "node", "--port", "0", "--set", "workers=2",
             "--set", "memory=1GiB", "--set", "task_memory=64MiB",
             *(word for one in self.settings for word in ("--set", one))],
            env=env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        token = None
        for line in self.process.stdout:
            if "#token=" in line:
                address, token = line.split()[1].split("#token=")
                self.port = int(address.rstrip("/").rsplit(":", 1)[1])
                break
        if not token:
            raise Trouble(f"the node does not start: {self.world.last_words()}")
        link = self.connect()
        link.request("POST", "/v1/session", json.dumps({"token": token}),
                     {"X-IPVM": "1", "Content-Type": "application/json"})
        answer = link.getresponse()
        answer.read()
        self.cookie = (answer.headers["Set-Cookie"] or "").split(";")[0]
        link.close()

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, link, method, path, body=None, kind="application/json"):
        link.request(method, path, body,
                     {"Cookie": self.cookie, "X-IPVM": "1", "Content-Type": kind})
        answer = link.getresponse()
        data = answer.read()
        return answer.status, data

    def workers(self):
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    words = file.read().rsplit(")", 1)[1].split()
                if int(words[1]) == self.process.pid:
                    found.append(int(path.split("/")[2]))
            except OSError:
                pass
        return found

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """In good order."""
        self.process.terminate()
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            raise Trouble("the node does not stop")
        if code != 0:
            raise Trouble(f"the node ended with {code}: {self.world.last_words()}")

    def died(self):
        """By itself: with an exit code it may, where its disk fails."""
        code = self.process.poll()
        if code is not None and code < 0 and code != -signal.SIGKILL:
            raise Trouble(f"the node died of signal {-code}: {self.world.last_words()}")
        return code is not None

    def facts(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            # Not what is mapped of the store: that is the system's to take.
            rss = next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
        return rss // 1024, len(os.listdir(f"/proc/{self.process.pid}/fd"))


def manifest(module, number):
    """Three steps that come to 2 * number + 3."""
    return (f'ipvm: "1.0"\nname: three\ntasks:\n'
            f"  s1: {{run: {module}#add, args: [{number}, 1]}}\n"
            f"  s2: {{run: {module}#add, args: [!ok s1, 2]}}\n"
            f"  s3: {{run: {module}#add, args: [!ok s2, {number}]}}\n"
            f"outputs: [s3]\n")


class Client(threading.Thread):
    """Submits over HTTP until it is told to end; who cannot comes again."""

    def __init__(self, world, seed):
        super().__init__(daemon=True)
        self.world = world
        self.random = random.Random(seed)
        self.ends = False
        self.tried = self.refused = 0

    def submit(self, link):
        number = BASE + self.random.randrange(NUMBERS)
        self.tried += 1
        status, data = self.world.node.ask(
            link, "POST", "/v1/jobs", manifest(self.world.module, number),
            "application/yaml")
        if status in (200, 201):
            self.world.acknowledged(json.loads(data)["job"]["/"], number)
        else:
            self.refused += 1
            time.sleep(0.02)

    def run(self):
        link = None
        while not self.ends:
            try:
                link = link or self.world.node.connect(5)
                self.submit(link)
            except (OSError, http.client.HTTPException, ValueError):
                if link:
                    link.close()
                link = None
                time.sleep(0.02)
        if link:
            link.close()


class Commands(Client):
    """The same with `ipvm submit`, which is killed now and then."""

    def run(self):
        while not self.ends:
            number = BASE + self.random.randrange(NUMBERS)
            path = self.world.path("commands.yaml")
            with open(path, "w") as file:
                file.write(manifest(self.world.module, number))
            self.tried += 1
            command = subprocess.Popen([self.world.ipvm, "submit", "-q", path],
                                       env=self.world.env, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            patience = self.random.uniform(0, 0.1) if self.random.random() < 0.3 else 10
            try:
                out, _ = command.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                command.kill()
                out, _ = command.communicate()
            if out.endswith("\n"):
                self.world.acknowledged(out.split()[-1], number)
            else:
                time.sleep(0.05)


class World:
    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.ipvm = os.path.abspath(options.ipvm)
        self.directory = tempfile.mkdtemp(prefix="ipvm-torture.")
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        self.is_mounted = options.disk > 0 and os.geteuid() == 0 and subprocess.call(
            ["mount", "-t", "tmpfs", "-o", f"size={options.disk}m", "tmpfs", self.disk],
            stderr=subprocess.DEVNULL) == 0
        self.store = os.path.join(self.disk, "store")
        self.env = {key: value for key, value in os.environ.items()
                    if key not in ("IPVM_WORKER", "LD_PRELOAD")}
        self.env.update(IPVM_STORE=self.store, HOME=self.directory, LC_ALL="C.UTF-8",
                        XDG_CONFIG_HOME=self.directory)
        self.control = Control(self.path("control"), options.seed)
        self.shim = self.path("shim.so")
        subprocess.check_call([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE",
                               "-O1", "-shared", "-fPIC", "-w", "-o", self.shim,
                               os.path.join(ROOT, "tests/torture/shim.c")])
        self.lock = threading.Lock()
        self.node = Node(self)
        self.renew()
        self.counts = collections.Counter()
        self.first_facts = None

    def renew(self):
        """A store with nothing in it."""
        shutil.rmtree(self.store, ignore_errors=True)
        self.module = self.command("add", "-q", GUEST).split()[-1]
        self.jobs = {}  # id → number
        self.unchecked = []
        self.damaged = set()  # numbers
        self.ran = {}  # computation → the job that it ran for

    def path(self, name):
        return os.path.join(self.directory, name)

    def last_words(self):
        with open(self.path("node.err"), errors="replace") as file:
            return " / ".join(file.read().splitlines()[-4:])

    def command(self, *words, allowed=(0,)):
        done = subprocess.run([self.ipvm, *words], env=self.env, text=True,
                              capture_output=True)
        if done.returncode not in allowed:
            raise Trouble(f"ipvm {' '.join(words)} ended with {done.returncode}: "
                          f"{done.stdout[-500:]} {done.stderr[-500:]}")
        return done.stdout

    def acknowledged(self, job, number):
        with self.lock:
            self.jobs[job] = number
            self.unchecked.append(job)

    def close(self):
        if self.node.process and self.node.process.poll() is None:
            self.node.kill()
        if self.is_mounted:
            subprocess.call(["umount", "-l", self.disk])
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- What goes wrong ------------------------------------------------------

    def rest(self, longest=0.4):
        time.sleep(self.random.uniform(0.02, longest))

    def revive(self):
        """Starts the node again if it is gone."""
        if self.node.died():
            self.control.set()
            self.node.start()

    def kill_node(self):
        self.node.kill()
        self.node.start()

    def kill_worker(self):
        workers = self.node.workers()
        if workers:
            try:
                os.kill(self.random.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def fill_disk(self):
        if not self.is_mounted:
            self.control.set(writes=1000000, error=errno.ENOSPC)
            self.rest()
            self.control.set()
            return
        filler = os.path.join(self.disk, "filler")
        try:
            with open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 18))
        except OSError:
            pass
        self.rest()
        os.unlink(filler)

    def fail_syncs(self):
        self.control.set(syncs=self.random.choice([1000, 100000, 1000000]))
        self.rest()
        self.control.set()

    def fail_writes(self):
        self.control.set(writes=self.random.choice([1000, 100000]),
                         error=self.random.choice([errno.EIO, errno.ENOSPC]))
        self.rest()
        self.control.set()

    def skew_clock(self):
        hours = self.random.choice([-30, -1, 1, 30])
        self.control.set(skew_ms=hours * 3600 * 1000)
        self.rest()
        self.control.set()

    def damage_artifact(self):
        """A byte of a compiled module; the node is down."""
        files = glob.glob(os.path.join(self.store, "modules", "*"))
        if files:
            self.damage(self.random.choice(files))

    def damage(self, path, at=None):
        with open(path, "r+b") as file:
            if at is None:
                at = self.random.randrange(max(1, os.path.getsize(path)))
            file.seek(at)
            byte = file.read(1) or b"\0"
            file.seek(at)
            file.write(bytes([byte[0] ^ 1 << self.random.randrange(8)]))

    def damage_result(self):
        """A byte of some job's result, wherever it lies in the store."""
        job = self.random.choice(list(self.jobs))
        self.damaged.add(self.jobs[job])
        value = struct.pack(">I", 2 * self.jobs[job] + 3)
        path = os.path.join(self.store, "data.mdb")
        with open(path, "rb") as file:
            data = file.read()
        at = data.find(b"\xa1\x62ok\x1a" + value)
        while at >= 0:
            self.damage(path, at + 5 + self.random.randrange(4))
            at = data.find(b"\xa1\x62ok\x1a" + value, at + 1)
        return job

    # --- What must be ---------------------------------------------------------

    def check_job(self, link, job):
        number = self.jobs[job]
        status, data = self.node.ask(link, "GET", f"/v1/jobs/{job}?wait=30")
        if status != 200:
            raise Trouble(f"the job {job} was acknowledged and is lost: {status} {data[:200]}")
        facts = json.loads(data)
        if facts["state"] not in ("succeeded", "failed"):
            raise Trouble(f"the job {job} is {facts['state']}: {data[:600]}")
        if facts["state"] == "failed":
            return self.check_failure(job, facts)
        status, data = self.node.ask(link, "GET", f"/v1/jobs/{job}/result?output=s3")
        if status == 409 and number in self.damaged:
            self.counts["lost to damage, and said so"] += 1
            return None
        if status != 200 or json.loads(data) != 2 * number + 3:
            raise Trouble(f"the job {job} of {number} came to {status} {data[:200]}")
        self.counts["right"] += 1
        return self.check_events(link, job)

    def check_failure(self, job, facts):
        """Only of what was the world's fault."""
        ends = {output.get("end") for output in facts.get("outputs", {}).values()}
        if not ends <= {"host", "unavailable", "blocked"} or not self.disk_failed:
            raise Trouble(f"the job {job} failed: {facts}")
        self.counts["failed for the disk"] += 1

    def check_events(self, link, job):
        status, data = self.node.ask(link, "GET", f"/v1/jobs/{job}/events?format=json")
        if status != 200:
            raise Trouble(f"the events of {job} are lost: {status} {data[:200]}")
        events = json.loads(data)["events"]
        seqs = [event["seq"] for event in events]
        if seqs != sorted(set(seqs)):
            raise Trouble(f"the events of {job} are out of order: {seqs}")
        runs = collections.Counter(event["task"] for event in events
                                   if event["kind"] == "task/finished" and
                                   event.get("by") == "run")
        if runs and max(runs.values()) > 1 and self.disk_failed:
            self.counts["ran again, its result lost by the disk"] += 1
        elif runs and max(runs.values()) > 1:
            raise Trouble(f"a finished task of {job} ran again: {runs}")
        for event in events:
            if event["kind"] == "task/finished" and event.get("by") == "run":
                if self.ran.setdefault(event["comp"]["/"], job) != job:
                    self.counts["ran for two jobs at once"] += 1

    def check_facts(self):
        time.sleep(0.1)
        memory, files = self.node.facts()
        self.first_facts = self.first_facts or (memory, files)
        if files > self.first_facts[1] + 40 or memory > 2 * self.first_facts[0] + 150:
            raise Trouble(f"{memory} MiB and {files} files; it began with "
                          f"{self.first_facts[0]} and {self.first_facts[1]}")
        return memory, files

    def check(self):
        if not self.node.died():
            self.node.kill()
        self.control.set()
        self.node.start(faults=False)
        link = self.node.connect()
        with self.lock:
            jobs, self.unchecked = self.unchecked, []
        for job in jobs:
            self.check_job(link, job)
        self.disk_failed = True  # In their rounds, perhaps.
        for job in self.random.sample(list(self.jobs), min(20, len(self.jobs))):
            self.check_job(link, job)
        link.close()
        facts = self.check_facts()
        self.node.stop()
        self.command("fsck")
        self.command("receipts", "log", "--json")
        return len(jobs), facts

    def check_damage(self):
        """A damaged result is healed or said to be, never given as right."""
        if not self.jobs:
            return
        job = self.damage_result()
        self.damage_artifact()
        self.node.start(faults=False)
        link = self.node.connect()
        status, data = self.node.ask(link, "GET", f"/v1/jobs/{job}/result?output=s3")
        if status == 200 and json.loads(data) != 2 * self.jobs[job] + 3:
            raise Trouble(f"a damaged result was given: {job} {data[:100]}")
        self.counts["healed" if status == 200 else "said to be damaged"] += 1
        link.close()
        self.node.stop()
        repaired = self.command("fsck", "--repair", allowed=(0, 3))
        if os.environ.get("TORTURE_VERBOSE"):
            print(repaired)
        self.command("fsck")

    # --- Rounds -----------------------------------------------------------------

    def round(self, seconds):
        faults = [self.kill_node, self.kill_worker, self.kill_worker, self.skew_clock]
        # A result that the disk refused is computed again; no other is.
        self.disk_failed = self.random.random() < 0.6
        if self.disk_failed:
            faults += [self.fill_disk, self.fail_syncs, self.fail_writes]
        disk = shutil.disk_usage(self.disk)
        if self.is_mounted and disk.used > disk.total // 3:
            self.renew()  # What is full by itself is full for all.
        self.node.start()
        clients = [Client(self, self.random.random()) for _ in range(3)]
        clients.append(Commands(self, self.random.random()))
        for client in clients:
            client.start()
        done = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.rest()
            fault = self.random.choice(faults)
            fault()
            self.revive()
            done.append(fault.__name__)
        for client in clients:
            client.ends = True
        for client in clients:
            client.join(30)
        count, (memory, files) = self.check()
        # Equal tasks wait for each other, but one may begin just when another
        # has come out: seldom, and to the same result.
        if self.counts["ran for two jobs at once"] > 10 + len(self.ran) // 50:
            raise Trouble(f"equal tasks run again and again: {dict(self.counts)}")
        print(f"ok - {count} jobs through {' '.join(done)} "
              f"({sum(c.tried for c in clients)} tried, {self.control.failed()} faults of the "
              f"disk so far, {memory} MiB, {files} files)", flush=True)
        self.counts["jobs"] += count
        self.check_damage()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ipvm", default=os.path.join(ROOT, "build/release/ipvm"))
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--round", type=float, default=4, help="seconds of a round")
    parser.add_argument("--disk", type=int, default=256, help="its MiB")
    options = parser.parse_args()
    print(f"# seed {options.seed}", flush=True)
    world = World(options)
    end = time.monotonic() + options.seconds
    try:
        while world.counts["jobs"] == 0 or time.monotonic() < end:
            world.round(options.round)
        print(f"# {dict(world.counts)}")
        return 0
    except Trouble as trouble:
        print(f"not ok - seed {options.seed}: {trouble}")
        return 1
    finally:
        world.close()


if __name__ == "__main__":
    sys.exit(main())

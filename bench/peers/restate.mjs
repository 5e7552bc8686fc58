// SPDX-License-Identifier: Apache-2.0
//
// restate.mjs - a durable workflow of three steps in Restate, submit to result:
// one client at a time, then many. Prints one JSON line, as the benches do.
//
// The steps do nothing: what is measured is what durability costs. Everything
// listens on loopback, in a folder of its own that is removed at the end.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { createServer } from "node:http2";
import http from "node:http";
import { tmpdir } from "node:os";
import { join, dirname } from "node:path";
import { createRequire } from "node:module";
import { once } from "node:events";

// Newer than Node 20, and the SDK wants it.
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((yes, no) => ((resolve = yes), (reject = no)));
  return { promise, resolve, reject };
};

process.env.RESTATE_LOGGING = "ERROR"; // Before it is loaded.
const require = createRequire(import.meta.url);
const restate = await import("@restatedev/restate-sdk");
const seconds = Number(process.argv[2] ?? 5);
const clients = Number(process.argv[3] ?? 64);
const folder = mkdtempSync(join(tmpdir(), "restate-bench-"));

const step = restate.service({
  name: "Steps",
  handlers: {
    three: async (ctx, n) => {
      const a = await ctx.run("a", () => n + 1);
      const b = await ctx.run("b", () => a + 1);
      return ctx.run("c", () => b + 1);
    },
  },
});

async function freePort() {
  const probe = http.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

function ask(options, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", ...options }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function untilItAnswers(port, path) {
  for (let tries = 0; tries < 150; tries++) {
    try {
      if ((await ask({ port, path })).status < 500) return;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("restate-server does not start");
}

const [ingress, admin, fabric, service] = [
  await freePort(), await freePort(), await freePort(), await freePort()];
const program = join(
  dirname(require.resolve("@restatedev/restate-server-linux-x64/package.json")),
  "bin", "restate-server");
const server = spawn(program, ["--no-logo", "--base-dir", folder], {
  stdio: "ignore",
  env: {
    ...process.env,
    RESTATE_LISTEN_MODE: "tcp",
    RESTATE_BIND_ADDRESS: `127.0.0.1:${fabric}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${fabric}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_DISABLE_TELEMETRY: "true",
    DO_NOT_TRACK: "1",
  },
});
const handlers = createServer(
  restate.createEndpointHandler({ services: [step] }));

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function memoryOf(pid) {
  const line = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line[1]) * 1024;
}

try {
  handlers.listen(service, "127.0.0.1");
  await untilItAnswers(admin, "/health");
  const registered = await ask(
    { port: admin, path: "/deployments", method: "POST",
      headers: { "content-type": "application/json" } },
    { uri: `http://127.0.0.1:${service}` });
  if (registered.status > 299) throw new Error(registered.text);
  await untilItAnswers(ingress, "/restate/health");

  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  const one = async (n) => {
    const answer = await ask(
      { port: ingress, path: "/Steps/three", method: "POST", agent,
        headers: { "content-type": "application/json" } }, n);
    if (answer.text !== String(n + 3)) throw new Error(answer.text);
  };
  for (let n = 0; n < 50; n++) await one(n);
  const times = [];
  for (let end = performance.now() + seconds * 1000; performance.now() < end;) {
    const start = performance.now();
    await one(times.length);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);

  let done = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: clients }, async () => {
    while (performance.now() < start + seconds * 1000) {
      await one(done);
      done++;
    }
  }));
  const rate = done / ((performance.now() - start) / 1000);
  console.log(JSON.stringify({
    peer: "restate",
    workflow_ms: { median: percentile(times, 0.5), p99: percentile(times, 0.99) },
    workflows_per_second: Math.round(rate), clients,
    server_memory_bytes: memoryOf(server.pid),
  }));
} finally {
  server.kill("SIGKILL");
  await once(server, "exit");
  rmSync(folder, { recursive: true, force: true });
  process.exit();
}

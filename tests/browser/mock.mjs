// SPDX-License-Identifier: Apache-2.0
// mock.mjs - a stand-in for a node, for what a real one cannot be asked to do:
// to be hostile, to go away in the middle, to hold a job half done. It has the
// routes of docs/http-api.md that the dashboard uses.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'

const TYPES = {
  html: 'text/html',
  css: 'text/css',
  js: 'text/javascript',
  svg: 'image/svg+xml',
}
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A name that looks like a CID and says what it stands for.
export const cid = (name) =>
  `bafyrei${name.toLowerCase().replace(/[^a-z2-7]/g, '')}`.padEnd(59, 'q')
const link = (name) => ({ '/': cid(name) })

const HOSTILE =
  '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'
export const hostile = HOSTILE

const type = (kind, more = {}) => ({ kind, ...more })
const param = (name, kind, more) => ({ name, type: type(kind, more) })
const FUNCTIONS = [
  {
    name: 'crop',
    typed: true,
    params: [
      param('image', 'list', { of: type('u8') }),
      ...['x', 'y', 'width', 'height'].map((name) => param(name, 'u32')),
    ],
    result: type('result', {
      ok: type('list', { of: type('u8') }),
      error: type('string'),
    }),
  },
  {
    name: 'shape',
    typed: true,
    params: [
      param('kind', 'enum', {
        members: [{ name: 'circle' }, { name: 'square' }],
      }),
      param('fill', 'option', { of: type('string') }),
      param('at', 'record', {
        members: [param('x', 'f64'), param('y', 'f64')],
      }),
      param('tags', 'list', { of: type('string') }),
      param('deep', 'bool'),
    ],
    result: type('string'),
  },
  { name: 'anything', typed: false },
]

export class Mock {
  constructor(web, picture) {
    this.web = web
    this.picture = picture
    this.jobs = new Map()
    this.blocks = new Map()
    this.streams = new Set()
    this.posts = []
    this.token = 'once-only'
    this.session = null
    this.node = { tasks_run: 1200, tasks_hit: 5300 }
  }

  async listen(port = 0) {
    this.server = createServer((ask, answer) =>
      this.#serve(ask, answer).catch((error) => {
        answer
          .writeHead(500)
          .end(JSON.stringify({ title: 'mock', detail: String(error.stack) }))
      }),
    )
    await new Promise((resolve) =>
      this.server.listen(port, '127.0.0.1', resolve),
    )
    this.port = this.server.address().port
    this.url = `http://127.0.0.1:${this.port}`
  }

  // Gone at once, with every connection.
  async goAway() {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
    this.streams.clear()
  }

  // --- What there is ----------------------------------------------------------

  addJob(name, graph, more = {}) {
    const id = cid(more.id ?? name)
    const job = {
      job: { '/': id },
      state: 'queued',
      name,
      subject: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
      workflow: link('workflow'),
      submitted: Date.now() - 60000,
      attempt: 1,
      counts: {
        total: graph.length,
        wanted: graph.length,
        waiting: graph.length,
        ready: 0,
        running: 0,
        done: 0,
        hits: 0,
        failed: 0,
      },
      cost: { run_ns: 0, saved_ns: 0 },
      events: 0,
      ...more,
    }
    delete job.id
    this.jobs.set(id, { job, graph, events: [], logs: 0 })
    this.tell(id, {
      kind: 'submitted',
      subject: job.subject,
      at: job.submitted,
    })
    return id
  }

  tell(id, event) {
    const entry = this.jobs.get(id)
    const told = { seq: entry.events.length + 1, at: Date.now(), ...event }
    entry.events.push(told)
    const { job } = entry
    const state = {
      started: 'running',
      succeeded: 'succeeded',
      failed: 'failed',
      cancelled: 'cancelled',
      suspended: 'suspended',
      resumed: 'running',
      retried: 'queued',
    }[told.kind]
    if (state) job.state = state
    if (told.kind === 'started') job.started ??= told.at
    if (['succeeded', 'failed', 'cancelled'].includes(state))
      job.ended = told.at
    if (told.kind === 'failed') job.message = told.message
    this.#count(job, told)
    for (const stream of this.streams) {
      if (stream.id === id) this.#write(stream.answer, told)
      if (
        stream.id === null &&
        !told.kind.startsWith('task/') &&
        told.kind !== 'log'
      )
        this.#write(stream.answer, {
          job: { '/': id },
          state: job.state,
          seq: told.seq,
          kind: 'job',
        })
    }
  }

  #count({ counts, cost }, told) {
    if (told.kind === 'task/started') counts.running++
    if (told.kind !== 'task/finished') return
    if (told.by === 'run' && counts.running > 0) counts.running--
    if (!told.ok) counts.failed++
    counts.done++
    if (told.by === 'memo') {
      counts.hits++
      cost.saved_ns += 5e7
    }
  }

  #write(answer, told) {
    answer.write(
      `id: ${told.seq}\nevent: ${told.kind}\ndata: ${JSON.stringify(told)}\n\n`,
    )
  }

  addValue(name, value, more = {}) {
    this.blocks.set(cid(name), {
      cid: cid(name),
      codec: 'dag-cbor',
      size: 120,
      kind: 'value',
      value,
      links: [],
      ...more,
    })
    return link(name)
  }

  addFile(name, bytes) {
    this.blocks.set(cid(name), {
      cid: cid(name),
      codec: 'raw',
      size: bytes.length,
      bytes: bytes.length,
      kind: 'file',
      links: [],
      data: bytes,
    })
    return link(name)
  }

  // --- What it answers ----------------------------------------------------------

  async #serve(ask, answer) {
    const url = new URL(ask.url, 'http://mock')
    const path = decodeURIComponent(url.pathname)
    answer.setHeader('Content-Security-Policy', CSP)
    answer.setHeader('X-Content-Type-Options', 'nosniff')
    if (!path.startsWith('/v1/') && !path.startsWith('/ipfs/'))
      return this.#file(path, answer)
    const body = await bodyOf(ask)
    if (ask.method !== 'GET' && ask.method !== 'HEAD') {
      this.posts.push({
        method: ask.method,
        path,
        type: ask.headers['content-type'],
        body: body.toString('latin1').slice(0, 4000),
      })
      if (ask.headers['x-ipvm'] !== '1')
        return refuse(answer, 403, 'forbidden', 'the header X-IPVM is missing')
    }
    if (path === '/v1/session') return this.#sign(ask, body, answer)
    if (!(ask.headers.cookie ?? '').includes(`ipvm_session=${this.session}`))
      return refuse(answer, 401, 'unauthorised', 'sign in first')
    return this.#route(ask.method, path, url.searchParams, {
      ask,
      answer,
      body,
    })
  }

  async #file(path, answer) {
    const name = path === '/' ? '/index.html' : path
    try {
      const bytes = await readFile(join(this.web, name.replace(/\.\./g, '')))
      answer.setHeader(
        'Content-Type',
        TYPES[name.split('.').at(-1)] ?? 'text/plain',
      )
      answer.end(bytes)
    } catch {
      refuse(answer, 404, 'not-found', 'there is no such page')
    }
  }

  #sign(ask, body, answer) {
    if (ask.method === 'DELETE') {
      this.session = null
      return json(answer, {})
    }
    if (JSON.parse(body).token !== this.token)
      return refuse(
        answer,
        401,
        'unauthorised',
        'this link was used already; ask the node for another',
      )
    this.token = null
    this.session = 'secret'
    answer.setHeader(
      'Set-Cookie',
      'ipvm_session=secret; HttpOnly; SameSite=Strict; Path=/',
    )
    return json(answer, {})
  }

  #route(method, path, query, { ask, answer, body }) {
    const [, , root, ...rest] = path.split('/')
    if (path.startsWith('/ipfs/'))
      return this.#content(path.split('/')[2], ask, answer)
    const routes = {
      'GET node': () => json(answer, this.#about()),
      'GET log': () => json(answer, { size: 4211, head: link('head') }),
      'GET describe': () => json(answer, { kind: 'wit', functions: FUNCTIONS }),
      'POST call': () =>
        json(answer, {
          job: {
            '/': this.addJob('call', [
              {
                label: 'call',
                class: 'pure',
                function: 'crop',
                awaits: [],
                output: true,
                state: 'waiting',
              },
            ]),
          },
          state: 'queued',
        }),
      'POST files': () =>
        json(answer, {
          cid: this.addFile(`upload ${query.get('name')}`, body),
        }),
      'POST jobs': () => this.#post(rest, body, answer),
      'GET jobs': () => this.#jobs(rest, query, ask, answer),
      'GET receipts': () =>
        json(answer, {
          receipts: [{ outcome: 'ok', holds: true, receipt: link('receipt') }],
        }),
      'GET inspect': () => {
        const { data, ...known } = this.blocks.get(rest[0]) ?? {}
        return known.cid
          ? json(answer, known)
          : refuse(
              answer,
              404,
              'not-found',
              `block ${rest[0]} is not in the store`,
            )
      },
    }
    const route = routes[`${method} ${root}`]
    return route
      ? route()
      : refuse(answer, 404, 'not-found', 'there is no such route')
  }

  #content(name, ask, answer) {
    const data = this.blocks.get(name)?.data
    if (!data)
      return refuse(answer, 404, 'not-found', 'that content is not here')
    answer.setHeader('Content-Type', 'application/octet-stream')
    const range = /bytes=0-(\d+)/.exec(ask.headers.range ?? '')
    const part = range ? data.subarray(0, Number(range[1]) + 1) : data
    if (range)
      answer.setHeader(
        'Content-Range',
        `bytes 0-${part.length - 1}/${data.length}`,
      )
    answer.writeHead(range ? 206 : 200).end(part)
    return undefined
  }

  #about() {
    this.node.tasks_run += Math.floor(Math.random() * 40)
    this.node.tasks_hit += Math.floor(Math.random() * 90)
    const states = [
      'queued',
      'running',
      'suspended',
      'succeeded',
      'failed',
      'cancelled',
    ]
    return {
      did: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
      version: '0.6.0',
      config: { listen: '127.0.0.1:4480', workers: 2, memory: 8589934592 },
      store: {
        blocks: 48210,
        bytes: 912345678,
        path: '/home/me/.local/share/ipvm',
      },
      log: null,
      stats: {
        started_ms: Date.now() - 7.2e6,
        jobs: Object.fromEntries(
          states.map((state) => [
            state,
            [...this.jobs.values()].filter(({ job }) => job.state === state)
              .length,
          ]),
        ),
        tasks_queued: 14,
        tasks_running: 2,
        ...this.node,
        tasks_merged: 31,
        tasks_failed: 3,
        saved_ns: 9.4e12,
        stored_bytes: 91234567,
        memory_used: 536870912,
        memory_total: 8589934592,
        workers: 4,
        workers_busy: 2,
        workers_started: 9,
        workers_killed: 1,
        cpu_ns: 3.1e12,
        queue: { count: 100, sum_ns: 4.1e8 },
        run: { count: 100, sum_ns: 9.9e9 },
        submit: { count: 20, sum_ns: 2.2e7 },
        job_time: { count: 20, sum_ns: 4e10 },
      },
    }
  }

  #post([id, verb], body, answer) {
    if (!id)
      return json(
        answer,
        {
          job: {
            '/': this.addJob('dropped', [
              { label: 'only', awaits: [], output: true, state: 'waiting' },
            ]),
          },
          state: 'queued',
        },
        201,
      )
    if (verb === 'fork') {
      const { job, graph } = this.jobs.get(id)
      return json(
        answer,
        {
          job: { '/': this.addJob(job.name, graph, { id: 'forked' }) },
          state: 'queued',
        },
        201,
      )
    }
    const kind = {
      suspend: 'suspended',
      resume: 'resumed',
      cancel: 'cancelled',
      retry: 'retried',
    }[verb]
    this.tell(id, {
      kind,
      by: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
    })
    return json(answer, {
      job: { '/': id },
      state: this.jobs.get(id).job.state,
    })
  }

  #jobs([id, part], query, ask, answer) {
    if (!id) {
      const list = [...this.jobs.values()]
        .map(({ job }) => job)
        .reverse()
        .filter(
          (job) =>
            (!query.get('state') || job.state === query.get('state')) &&
            (!query.get('name') || job.name.includes(query.get('name'))) &&
            (!query.get('subject') || job.subject === query.get('subject')),
        )
      return json(answer, {
        jobs: list.slice(0, Number(query.get('limit') ?? 100)),
      })
    }
    if (id === 'events') return this.#stream(null, ask, answer)
    const entry = this.jobs.get(id)
    if (!entry) return refuse(answer, 404, 'not-found', `there is no job ${id}`)
    if (part === 'events') return this.#stream(id, ask, answer)
    if (part === 'graph') return json(answer, { tasks: entry.graph })
    if (part === 'explain')
      return json(answer, {
        verdict: 'hit',
        why: `known by its recipe ${HOSTILE}`,
        cost: { run_ns: 5000 },
      })
    if (part === 'receipts')
      return json(answer, {
        receipts: entry.graph.map(({ label }) => ({
          outcome: 'ok',
          task: link(label),
          result: link(`result ${label}`),
          holds: true,
        })),
      })
    return json(answer, entry.job)
  }

  #stream(id, ask, answer) {
    answer.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
    })
    answer.write(': hello\n\n')
    const stream = { id, answer }
    this.streams.add(stream)
    this.lastEventId = ask.headers['last-event-id']
    ask.on('close', () => this.streams.delete(stream))
    if (!id) return
    const after = Number(ask.headers['last-event-id'] ?? 0)
    for (const event of this.jobs.get(id).events)
      if (event.seq > after) this.#write(answer, event)
    if (
      ['succeeded', 'failed', 'cancelled'].includes(this.jobs.get(id).job.state)
    )
      answer.end()
  }
}

async function bodyOf(ask) {
  const pieces = []
  for await (const piece of ask) pieces.push(piece)
  return Buffer.concat(pieces)
}

function json(answer, value, status = 200) {
  answer
    .writeHead(status, { 'Content-Type': 'application/json' })
    .end(JSON.stringify(value))
}

function refuse(answer, status, name, detail) {
  answer.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(
    JSON.stringify({
      type: 'about:blank',
      title: name,
      status,
      detail,
      name,
    }),
  )
}

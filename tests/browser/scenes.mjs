// SPDX-License-Identifier: Apache-2.0
// scenes.mjs - jobs for the mock: a photograph half done, one that failed, a
// thousand tasks, and one whose author means harm.

import { cid, hostile } from './mock.mjs'

const PHOTO = [
  ['big', 'resize'],
  ['eye', 'crop'],
  ['big-eye', 'resize', 1],
  ['dream', 'blur'],
  ['face', 'crop'],
  ['grey', 'grayscale'],
  ['grey-face', 'grayscale', 4],
  ['soft', 'blur'],
  ['soft-grey', 'blur', 5],
  ['turned', 'rotate90', 4],
  ['upside-down', 'rotate90', 9],
  ['sheet', 'contact-sheet', 4, 9, 10, 5, 6, 7, 3, 8, 2],
  ['small', 'to-jpeg', 0],
]

const task = ([label, fn, ...awaits]) => ({
  label,
  class: 'pure',
  function: fn,
  module: { '/': cid('image') },
  awaits,
  output: ['sheet', 'small', 'big-eye'].includes(label),
  state: 'waiting',
})

export const photoTasks = () => PHOTO.map(task)

// Runs tasks from..to of a job, each in `each` ms of the past.
export function finish(
  mock,
  id,
  from,
  to,
  { hits = [], fails = {}, start = Date.now() - 3000, each = 90, result } = {},
) {
  const { graph } = mock.jobs.get(id)
  for (let index = from; index < to; index++) {
    const { label } = graph[index]
    const at = start + (index - from) * each
    const known = {
      task: label,
      index,
      result: result ?? { '/': cid(`result ${label}`) },
      comp: { '/': cid('comp') },
    }
    if (hits.includes(label)) {
      mock.tell(id, {
        kind: 'task/finished',
        at,
        ...known,
        by: 'memo',
        ok: true,
        run_ns: 4.1e7,
        stored: 120000,
      })
      continue
    }
    mock.tell(id, { kind: 'task/started', at, task: label, index })
    const bad = Object.hasOwn(fails, label) && fails[label]
    mock.tell(id, {
      kind: 'task/finished',
      at: at + each * 1.7,
      ...known,
      by: 'run',
      ok: !bad,
      ...(bad ?? {}),
      queued_ns: each * 4e5,
      run_ns: each * 1.6e6,
      cpu_ns: each * 1.5e6,
      memory: 3473408,
      fuel: 0,
      stored: 158921,
      worker: index % 2,
    })
  }
}

export function photo(mock) {
  const { picture } = mock
  for (const [label] of PHOTO) {
    mock.addFile(`file ${label}`, picture)
    mock.addValue(
      `result ${label}`,
      { ok: { 'ipvm/bytes': { '/': cid(`file ${label}`) } } },
      { kind: 'result' },
    )
  }
  mock.addValue(
    'comp',
    {
      cmd: '/wasm/run',
      nonce: { '/': { bytes: '' } },
      args: {
        fun: 'crop',
        mod: { '/': cid('image') },
        args: [
          { 'ipvm/bytes': { '/': cid('file face') } },
          130,
          20.5,
          'words',
          [1, { a: { '/': cid('comp') } }],
        ],
      },
    },
    { kind: 'computation' },
  )
  const id = mock.addJob('photo', photoTasks(), { id: 'photo running' })
  mock.tell(id, {
    kind: 'started',
    tasks: 13,
    attempt: 1,
    at: Date.now() - 3400,
  })
  mock.tell(id, {
    kind: 'compiling',
    module: { '/': cid('image') },
    at: Date.now() - 3300,
  })
  finish(mock, id, 0, 9, { hits: ['eye', 'face', 'grey'] })
  mock.tell(id, { kind: 'task/started', task: 'turned', index: 9 })
  mock.tell(id, {
    kind: 'log',
    task: 'dream',
    level: 'info',
    text: 'blurred 900 rows',
  })
  return id
}

export function failed(mock) {
  const id = mock.addJob('photo at night', photoTasks(), {
    id: 'photo failed',
    submitted: Date.now() - 7e6,
  })
  mock.tell(id, {
    kind: 'started',
    tasks: 13,
    attempt: 1,
    at: Date.now() - 7e6 + 40,
  })
  finish(mock, id, 0, 11, {
    start: Date.now() - 7e6 + 60,
    fails: { dream: { end: 'limit/time', message: 'ran longer than 30 s' } },
  })
  mock.tell(id, {
    kind: 'failed',
    at: Date.now() - 7e6 + 4000,
    message: 'dream: limit/time: ran longer than 30 s',
  })
  return id
}

// 512 leaves and their sums.
export function primes(mock) {
  const graph = Array.from({ length: 512 }, (_, at) => ({
    label: `count-${at}`,
    function: 'count',
    class: 'pure',
    awaits: [],
    state: 'waiting',
  }))
  for (
    let from = 0, count = 512, level = 0;
    count > 1;
    from += count, count /= 2, level++
  )
    for (let at = 0; at < count / 2; at++)
      graph.push({
        label: count === 2 ? 'primes' : `sum-${level}-${at}`,
        function: 'add',
        class: 'pure',
        awaits: [from + 2 * at, from + 2 * at + 1],
        output: count === 2,
        state: 'waiting',
      })
  const id = mock.addJob('primes', graph)
  mock.tell(id, {
    kind: 'started',
    tasks: graph.length,
    attempt: 1,
    at: Date.now() - 3000,
  })
  finish(mock, id, 0, 620, {
    start: Date.now() - 2900,
    each: 4,
    hits: graph.filter((_, at) => at % 5 === 0).map(({ label }) => label),
  })
  return id
}

export const hostileResults = {
  svg: '<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=3"><script>window.pwned=4</script></svg>',
  html: `<!doctype html><body onload="parent.pwned=5">${hostile}`,
}

export function evil(mock) {
  const labels = ['__proto__', 'constructor', 'svg', 'html', 'object', 'mail']
  const graph = labels.map((label, at) => ({
    label,
    function: hostile,
    class: hostile,
    module: { '/': `"><script>${hostile}` },
    awaits: at > 2 ? [0, 99, -1, 'x'] : [],
    output: at === 5,
    state: hostile,
  }))
  const id = mock.addJob(hostile, graph, {
    id: 'evil',
    subject: `did:key:${hostile}`,
  })
  mock.addFile('evil svg', Buffer.from(hostileResults.svg))
  mock.addFile('evil html', Buffer.from(hostileResults.html))
  for (const name of ['svg', 'html'])
    mock.addValue(
      `result ${name}`,
      { ok: { 'ipvm/bytes': { '/': cid(`evil ${name}`) } } },
      { kind: hostile },
    )
  mock.addValue(
    'result object',
    {
      ok: {
        [hostile]: hostile,
        __proto__: null,
        toString: 1,
        href: 'javascript:window.pwned=6',
        big: [{ '/': 'javascript:window.pwned=7' }],
      },
    },
    { kind: 'result' },
  )
  mock.tell(id, { kind: 'started', tasks: 6, attempt: 1 })
  finish(mock, id, 0, 5)
  mock.tell(id, { kind: 'log', task: 'svg', level: hostile, text: hostile })
  mock.tell(id, { kind: 'alarm', task: 'html', text: hostile })
  mock.tell(id, {
    kind: 'task/finished',
    task: 'mail',
    index: 5,
    by: 'run',
    ok: false,
    end: hostile,
    message: hostile,
  })
  mock.tell(id, { kind: hostile, text: hostile })
  mock.tell(id, { kind: 'failed', message: hostile })
  mock.jobs.get(id).job.outputs = {
    [hostile]: { ok: false, message: hostile },
    mail: { ok: true, result: { '/': cid('result svg') } },
  }
  return id
}

// SPDX-License-Identifier: Apache-2.0
// node.js - the node's own page: what it does now, what the memo saves, what
// it keeps.

import { getJson } from '/api.js'
import { busy, button, el, replace, svg, trouble } from '/dom.js'
import { ago, bytes, count, duration, plural } from '/format.js'
import { showLink } from '/link.js'
import { JOB_STATES } from '/run.js'
import { signOut } from '/session.js'
import { facts } from '/task.js'
import { cidLink, kindOf, tree } from '/tree.js'

const EVERY_MS = 2000,
  SAMPLES = 60

// nodePage() → {element, title, stop()}
export function nodePage() {
  const body = el('div.node', {}, busy())
  const self = {
    samples: [],
    timer: 0,
    isShown: false,
    config: null,
    stopped: false,
  }
  const ask = async () => {
    try {
      const [node, log] = await Promise.all([
        getJson('/v1/node'),
        getJson('/v1/log').catch(() => null),
      ])
      if (self.stopped) return
      self.samples.push({ at: performance.now(), stats: node.stats ?? {} })
      if (self.samples.length > SAMPLES) self.samples.shift()
      if (!self.config)
        self.config = el(
          'details.card',
          {},
          el('summary', {}, 'Configuration'),
          tree(node.config ?? {}),
        )
      replace(
        body,
        cards({ ...node, log: log ?? node.log }, self.samples),
        self.config,
      )
      self.isShown = true
      showLink('live')
    } catch (error) {
      if (self.stopped) return
      if (self.isShown) showLink('waiting')
      else replace(body, trouble(error, ask))
    }
    if (!self.stopped && self.timer !== null)
      self.timer = setTimeout(ask, EVERY_MS)
  }
  ask()
  const leave = button('Sign out', async () => {
    await signOut().catch(() => {})
    location.reload()
  })
  return {
    element: el(
      'section',
      {},
      el('div.line', {}, el('h1', {}, 'Node'), el('div.actions', {}, leave)),
      body,
    ),
    title: 'Node',
    stop() {
      self.stopped = true
      clearTimeout(self.timer)
      showLink('live')
    },
  }
}

// How much of `name` came each second, between samples.
function rates(samples, name) {
  return samples.slice(1).map((sample, at) => {
    const before = samples[at]
    const seconds = Math.max(0.001, (sample.at - before.at) / 1000)
    return Math.max(
      0,
      (Number(sample.stats[name] ?? 0) - Number(before.stats[name] ?? 0)) /
        seconds,
    )
  })
}

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

function spark(values, words) {
  const most = Math.max(1, ...values)
  const points = values.map(
    (value, at) =>
      `${((SAMPLES - 1 - values.length + at) / (SAMPLES - 2)) * 240},${46 - (value / most) * 42}`,
  )
  return svg(
    'svg.spark',
    {
      viewBox: '0 0 240 48',
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': words,
    },
    points.length > 1 && svg('polyline', { points: points.join(' ') }),
  )
}

function rateCard(title, samples, names) {
  const lists = names.map((name) => rates(samples, name))
  const values = lists[0].map((value, at) =>
    lists.reduce((sum, list) => sum + list[at], 0),
  )
  const now = values.at(-1) ?? 0
  return el(
    'section.card',
    {},
    el('h2', {}, title),
    el('p.big', {}, NUMBER.format(now), el('span', {}, ' a second')),
    spark(values, `${title}: ${NUMBER.format(now)} a second`),
  )
}

function meter(used, total, words) {
  const part = el('i')
  part.style.width = `${total > 0 ? Math.min(100, (used / total) * 100) : 0}%`
  return el(
    'div',
    {},
    el('span.progress', { role: 'img', 'aria-label': words }, part),
    el('p.faint', {}, words),
  )
}

function mean({ count: number, sum_ns: sum } = {}) {
  return Number(number) > 0 ? duration(Number(sum) / Number(number)) : undefined
}

function jobsOf(stats) {
  const { jobs } = stats
  const value = (state, at) =>
    Number((Array.isArray(jobs) ? jobs[at] : jobs?.[state]) ?? 0)
  return JOB_STATES.map((state, at) => [state, value(state, at)])
}

// What the node tells of its parts, by the names it gives.
function told(map) {
  return Object.entries(map ?? {}).map(([name, value]) => {
    const words = name
      .replaceAll('_', ' ')
      .replace(/^./, (letter) => letter.toUpperCase())
    const kind = kindOf(value)
    return [
      words,
      kind === 'link'
        ? cidLink(value['/'])
        : kind === 'number'
          ? /bytes$|_size$/.test(name)
            ? bytes(value)
            : count(value)
          : kind === 'string'
            ? value
            : kind === 'null'
              ? ''
              : tree(value),
    ]
  })
}

function cards(node, samples) {
  const stats = node.stats ?? {}
  const done = Number(stats.tasks_run ?? 0),
    hits = Number(stats.tasks_hit ?? 0) + Number(stats.tasks_merged ?? 0)
  const share = done + hits > 0 ? hits / (done + hits) : 0
  return el(
    'div.cards',
    {},
    rateCard('Tasks', samples, ['tasks_run', 'tasks_hit']),
    el(
      'section.card',
      {},
      el('h2', {}, 'Jobs'),
      el(
        'ul.states',
        {},
        jobsOf(stats).map(([state, value]) =>
          el(
            'li',
            {},
            el(
              'a',
              { href: `#/jobs?state=${state}` },
              el('span.chip', { data: { state } }, state),
            ),
            el('b', {}, count(value)),
          ),
        ),
      ),
    ),
    el(
      'section.card',
      {},
      el('h2', {}, 'Saved by the memo'),
      el('p.big', {}, duration(stats.saved_ns ?? 0)),
      meter(
        hits,
        done + hits,
        `${count(hits)} of ${plural(done + hits, 'task')} (${Math.round(share * 100)} %) came from the memo`,
      ),
    ),
    el(
      'section.card',
      {},
      el('h2', {}, 'Queue'),
      facts([
        ['Waiting tasks', count(stats.tasks_queued)],
        ['Running tasks', count(stats.tasks_running)],
        ['Jobs for later', count(stats.sleepers)],
        ['Refused', count(stats.jobs_refused)],
        ['Wait for a worker', mean(stats.queue)],
        ['A task runs', mean(stats.run)],
        ['Submit to durable', mean(stats.submit)],
        ['A job takes', mean(stats.job_time)],
      ]),
    ),
    el(
      'section.card',
      {},
      el('h2', {}, 'Workers'),
      meter(
        Number(stats.workers_busy ?? 0),
        Number(stats.workers ?? 0),
        `${count(stats.workers_busy)} of ${count(stats.workers)} busy`,
      ),
      Number(stats.memory_total) > 0 &&
        meter(
          Number(stats.memory_used ?? 0),
          Number(stats.memory_total),
          `${bytes(stats.memory_used ?? 0)} of ${bytes(stats.memory_total)} of memory asked for`,
        ),
      facts([
        ['Started', count(stats.workers_started)],
        ['Killed', count(stats.workers_killed)],
        ['Failed tasks', count(stats.tasks_failed)],
        ['Alarms', Number(stats.alarms) > 0 && count(stats.alarms)],
      ]),
    ),
    el(
      'section.card',
      {},
      el('h2', {}, 'Store'),
      facts([...told(node.store), ['Written', bytes(stats.stored_bytes ?? 0)]]),
    ),
    el(
      'section.card',
      {},
      el('h2', {}, 'Receipt log'),
      node.log ? facts(told(node.log)) : el('p.faint', {}, 'No receipts yet'),
    ),
    el(
      'section.card',
      {},
      el('h2', {}, 'This node'),
      facts([
        ['DID', el('code', {}, node.did ?? '')],
        ['Version', node.version],
        ['Started', stats.started_ms && ago(Number(stats.started_ms))],
        ['Processor', duration(stats.cpu_ns)],
        ['Fuel', Number(stats.fuel) > 0 && count(stats.fuel)],
      ]),
    ),
  )
}

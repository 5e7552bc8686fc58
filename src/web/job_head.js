// SPDX-License-Identifier: Apache-2.0
// job_head.js - what stands above the views of a job: its name, state, numbers,
// and what can be done with it. Its bar and address are for lists, too.

import { ask } from '/ask.js'
import { cidOf } from '/api.js'
import { button, el, replace, say } from '/dom.js'
import {
  ago,
  count,
  duration,
  durationMs,
  plural,
  short,
  time,
} from '/format.js'
import { isOver } from '/run.js'
import { facts } from '/task.js'
import { cidLink } from '/tree.js'

export const jobHref = (id, tab = '', task = '') =>
  `#/job/${encodeURIComponent(id)}${tab && `/${tab}`}${task && `?task=${encodeURIComponent(task)}`}`

// A bar of how far the tasks are.
export function progress(counts = {}) {
  const number = (name) => Number(counts[name] ?? 0)
  const total = Math.max(1, number('wanted') || number('total'))
  const ran = number('done') - number('hits') - number('failed')
  const parts = [
    ['hit', number('hits')],
    ['ran', ran],
    ['failed', number('failed')],
    ['running', number('running')],
  ]
  const bar = el('span.progress', {
    role: 'img',
    'aria-label': `${count(number('done'))} of ${count(total)} tasks done`,
  })
  for (const [state, value] of parts) {
    if (value <= 0) continue
    const part = el('i', { data: { colour: state } })
    part.style.width = `${Math.min(100, (value / total) * 100)}%`
    bar.append(part)
  }
  return bar
}

// The name, state, numbers and actions of a job; act(verb, body) does one.
export class JobHead {
  constructor(run, { act }) {
    Object.assign(this, { run, act })
    this.chip = el('span.chip.large', { role: 'status' })
    this.numbers = el('div.numbers')
    this.actions = el('div.actions')
    this.message = el('p.bad')
    this.bar = el('div')
    const title = el('h1', {}, run.job.name || short(run.id))
    this.element = el(
      'header.job-head',
      {},
      el('div.line', {}, title, this.chip, this.actions),
      this.message,
      this.bar,
      this.numbers,
      about(run),
    )
    this.update()
  }

  update() {
    const { job, tasks } = this.run
    const counts = this.run.counts()
    say(this.chip, job.state)
    this.chip.dataset.state = job.state
    say(this.message, job.message ?? '')
    this.message.hidden = !job.message
    replace(
      this.bar,
      progress({
        total: tasks.length - counts.skipped,
        done: counts.ran + counts.hit + counts.failed,
        hits: counts.hit,
        failed: counts.failed,
        running: counts.running,
      }),
    )
    replace(this.numbers, numbers(this.run, counts))
    this.#actions(job.state)
  }

  // Drawn anew for another state only, so that focus stays.
  #actions(state) {
    if (this.drawn === state) return
    this.drawn = state
    replace(
      this.actions,
      ['queued', 'running'].includes(state) &&
        button('Suspend', () => this.#suspend()),
      state === 'suspended' &&
        button('Resume', () => this.act('resume'), { class: 'main' }),
      !isOver(state) &&
        button('Cancel', () => this.#cancel(), { class: 'danger' }),
      ['failed', 'cancelled'].includes(state) &&
        button('Retry', () => this.act('retry'), { class: 'main' }),
    )
  }

  async #suspend() {
    const answer = await ask(
      'Suspend this job?',
      'It keeps all it has, for as long as you like.',
      [
        ['finish', 'Let running tasks finish'],
        ['now', 'Cut them now'],
      ],
    )
    if (answer) this.act('suspend', answer === 'now' ? { now: true } : {})
  }

  async #cancel() {
    const answer = await ask(
      'Cancel this job?',
      'Running tasks are stopped. Finished results stay in the memo.',
      [['yes', 'Cancel the job']],
    )
    if (answer) this.act('cancel')
  }
}

function numbers({ job, tasks }, counts) {
  const end = job.ended ?? Date.now()
  const rows = [
    [plural(tasks.length, 'task')],
    [count(counts.ran), 'ran', 'ran'],
    [count(counts.hit), 'from the memo', 'hit'],
    counts.running > 0 && [count(counts.running), 'running', 'running'],
    counts.failed > 0 && [count(counts.failed), 'failed', 'failed'],
    job.started && [
      durationMs(end - job.started),
      isOver(job.state) ? 'in all' : 'so far',
    ],
    Number(job.cost?.saved_ns) > 0 && [duration(job.cost.saved_ns), 'saved'],
    job.submitted && [ago(job.submitted), 'submitted'],
  ]
  return rows
    .filter(Boolean)
    .map(([value, name = '', state]) =>
      el(
        'span',
        { data: state ? { state } : {} },
        el('b', {}, value),
        ` ${name}`,
      ),
    )
}

function about({ id, job }) {
  const when = (ms) => ms && time(ms)
  return el(
    'details.about',
    {},
    el('summary', {}, 'About this job'),
    facts([
      ['Job', el('code', {}, id)],
      [
        'Workflow',
        job.workflow && cidLink(cidOf(job.workflow), cidOf(job.workflow)),
      ],
      ['Subject', job.subject && el('code', {}, job.subject)],
      ['Submitted', when(job.submitted)],
      ['Not before', when(job.not_before)],
      ['Deadline', when(job.deadline)],
      ['Priority', job.priority && String(job.priority)],
      ['Attempt', job.attempt > 1 && String(job.attempt)],
    ]),
  )
}

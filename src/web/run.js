// SPDX-License-Identifier: Apache-2.0
// run.js - what is known of one job: its tasks as the graph has them, moved on
// by its events. No DOM in here.

import { cidOf } from '/api.js'

// What a task can look like, and how that is said. `mark` keeps the states
// apart for those who see no colours.
export const TASK_STATES = {
  waiting: { text: 'waiting', mark: '' },
  ready: { text: 'queued', mark: '' },
  running: { text: 'running', mark: '▸' },
  ran: { text: 'ran', mark: '✓' },
  hit: { text: 'from the memo', brief: 'memo', mark: '◆' },
  failed: { text: 'failed', mark: '✕' },
  skipped: { text: 'not run', mark: '–' },
}

export const JOB_STATES = [
  'queued',
  'running',
  'suspended',
  'succeeded',
  'failed',
  'cancelled',
]
export const isOver = (state) =>
  ['succeeded', 'failed', 'cancelled'].includes(state)

const STATE_AFTER = new Map(
  Object.entries({
    submitted: 'queued',
    started: 'running',
    suspended: 'suspended',
    resumed: 'running',
    cancelled: 'cancelled',
    retried: 'queued',
    succeeded: 'succeeded',
    failed: 'failed',
  }),
)
// What is forgotten of a task that starts anew.
const OF_A_RUN = [
  'by',
  'ok',
  'end',
  'message',
  'result',
  'started_at',
  'ended_at',
  'run_ns',
  'queued_ns',
]
// What another attempt tries again.
const AGAIN = ['running', 'failed', 'skipped']
const FROM_MEMO = new Set(['memo', 'merge', 'believed'])
const LOGS_MAX = 5000

// From what the graph or an event says of a task.
export function taskState({ state, by, ok, end }) {
  if (end === 'cancelled' || (by === 'nothing' && !end)) return 'skipped'
  if (by === 'nothing') return 'failed'
  if (by !== undefined && ok === false) return 'failed'
  if (by !== undefined) return FROM_MEMO.has(by) ? 'hit' : 'ran'
  if (end) return 'failed'
  if (state === 'done') return ok === false ? 'failed' : 'ran'
  return Object.hasOwn(TASK_STATES, state) ? state : 'waiting'
}

export class Run {
  constructor(job, graph) {
    this.job = job
    this.id = cidOf(job.job)
    this.seq = 0
    this.logs = []
    this.logsDropped = 0
    this.events = []
    this.compiling = []
    this.changed = new Set()
    this.tasks = (graph.tasks ?? []).map((task, index) =>
      this.#task(task, index, graph),
    )
    this.byLabel = new Map(this.tasks.map((task) => [task.label, task]))
    this.tasks.forEach((task) =>
      task.awaits.forEach((index) =>
        this.tasks[index]?.awaitedBy.push(task.index),
      ),
    )
  }

  #task(task, index, graph) {
    const self = {
      ...task,
      index,
      label: String(task.label ?? index),
      awaits: (task.awaits ?? []).filter((other) => graph.tasks[other]),
      awaitedBy: [],
    }
    self.state = taskState(task)
    return self
  }

  // Takes an event in; returns false if it was known already.
  take(event) {
    const seq = Number(event.seq ?? 0)
    if (seq !== 0 && seq <= this.seq) return false
    this.seq = Math.max(this.seq, seq)
    const kind = String(event.kind)
    switch (kind) {
      case 'suspended':
        if (event.now) this.#stopped(['running'])
        break
      case 'retried':
        this.#stopped(AGAIN)
        break
      case 'started':
        this.#started(event)
        break
      case 'compiling':
        this.#compiling(event)
        break
      case 'task/started':
        this.#taskStarted(event)
        break
      case 'task/finished':
        this.#taskFinished(event)
        break
      case 'log':
      case 'alarm':
        this.#log(event)
        break
    }
    this.#state(kind, event)
    if (!kind.startsWith('task/') && kind !== 'log') this.events.push(event)
    return true
  }

  #state(kind, event) {
    const state = STATE_AFTER.get(kind)
    if (!state) return
    this.job.state = state
    if (kind === 'submitted') this.job.submitted = event.at
    if (kind === 'started') this.job.started ??= event.at
    if (isOver(state)) this.#over(event)
    else this.#open()
    this.job.message = event.message
  }

  #open() {
    delete this.job.ended
    delete this.job.outputs
  }

  // What nobody asked for by now, nobody needs: the memo knew what awaits it.
  #over(event) {
    this.job.ended = event.at
    for (const task of this.tasks)
      if (['waiting', 'ready', 'running'].includes(task.state)) {
        task.state = 'skipped'
        this.changed.add(task.index)
      }
  }

  // A new start: what did not come out well before is to be done again.
  #started(event) {
    const again = (event.attempt ?? 1) > 1
    this.#stopped(again ? AGAIN : ['running'])
  }

  // Tasks in these states are as if they had never begun.
  #stopped(states) {
    for (const task of this.tasks) {
      if (!states.includes(task.state)) continue
      task.state = 'waiting'
      for (const key of OF_A_RUN) delete task[key]
      this.changed.add(task.index)
    }
  }

  #compiling(event) {
    const task = this.#find(event)
    this.compiling.push({
      module: cidOf(event.module ?? task?.module),
      from: event.at,
      to: null,
    })
  }

  #find(event) {
    return this.byLabel.get(event.task) ?? this.tasks[event.index]
  }

  #taskStarted(event) {
    const task = this.#find(event)
    if (!task) return
    task.state = 'running'
    task.started_at = event.at
    if (event.worker !== undefined) task.worker = event.worker
    this.changed.add(task.index)
    this.#compiled(task, event.at)
  }

  // The first task of a module that runs says that it is compiled.
  #compiled(task, at) {
    const compiled = this.compilingOf(task)
    if (compiled?.to === null) compiled.to = Math.max(at, compiled.from)
  }

  // When the module of a task was compiled: {from, to}, `to` null as long as
  // it is; undefined: not in this job.
  compilingOf(task) {
    return this.compiling.findLast(
      ({ module }) => module === cidOf(task.module),
    )
  }

  #taskFinished(event) {
    const task = this.#find(event)
    if (!task) return
    const { seq, at, kind, index, task: label, ...known } = event
    Object.assign(task, known)
    task.ended_at = at
    task.state = taskState(task)
    this.changed.add(task.index)
    if (task.state === 'ran')
      this.#compiled(task, at - Number(task.run_ns ?? 0) / 1e6)
  }

  #log(event) {
    this.logsDropped += Number(event.dropped ?? 0)
    this.logs.push(
      event.kind === 'alarm' ? { ...event, level: 'alarm' } : event,
    )
    if (this.logs.length > LOGS_MAX) {
      this.logsDropped += this.logs.length - LOGS_MAX
      this.logs.splice(0, this.logs.length - LOGS_MAX)
    }
  }

  // The tasks changed since this was asked last.
  takeChanged() {
    const changed = [...this.changed]
    this.changed.clear()
    return changed
  }

  counts() {
    const counts = Object.fromEntries(
      Object.keys(TASK_STATES).map((state) => [state, 0]),
    )
    for (const task of this.tasks) counts[task.state]++
    return counts
  }

  logsOf(label) {
    return this.logs.filter((line) => line.task === label)
  }

  // When a task waited and ran, in milliseconds since 1970, as well as its
  // events tell; null if it did neither.
  times(task, now = Date.now()) {
    if (task.state === 'hit' && task.ended_at !== undefined)
      return { queued: task.ended_at, from: task.ended_at, to: task.ended_at }
    const to = task.ended_at ?? (task.state === 'running' ? now : undefined)
    if (
      to === undefined ||
      (task.run_ns === undefined && task.started_at === undefined)
    )
      return null
    const from =
      task.ended_at !== undefined && task.run_ns !== undefined
        ? task.ended_at - Number(task.run_ns) / 1e6
        : task.started_at
    const queued = from - Number(task.queued_ns ?? 0) / 1e6
    return { queued, from, to: Math.max(to, from) }
  }
}

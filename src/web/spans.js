// SPDX-License-Identifier: Apache-2.0
// spans.js - which stretches of time a job's time line shows, in which rows.
// No DOM in here.

// {bars: [{task, queued, compiled, from, to}], compiling, from, to, isRunning}, times in
// milliseconds since 1970.
export function spansOf(run) {
  const now = Date.now()
  const bars = []
  for (const task of run.tasks) {
    const times = run.times(task, now)
    if (times)
      bars.push({ task, ...times, compiled: compiled(run, task, times, now) })
  }
  const compiling = run.compiling.map((one) => ({
    ...one,
    to: one.to ?? one.from,
  }))
  const least = (list, of) =>
    list.reduce((value, one) => Math.min(value, of(one)), Infinity)
  const from = Math.min(
    least(bars, (bar) => bar.queued),
    least(compiling, (one) => one.from),
  )
  const to = bars.reduce((value, bar) => Math.max(value, bar.to), -Infinity)
  return {
    bars,
    compiling,
    from: Number.isFinite(from) ? from : (run.job.submitted ?? now),
    to: Number.isFinite(to) ? to : now,
    isRunning: run.tasks.some((task) => task.state === 'running'),
  }
}

// As much of a task's wait as its module was being compiled; null: none.
function compiled(run, task, { queued, from }, now) {
  const span = task.state === 'hit' ? null : run.compilingOf(task)
  if (!span) return null
  const part = {
    from: Math.max(queued, span.from),
    to: Math.min(from, span.to ?? now),
  }
  return part.to > part.from ? part : null
}

export function rowsByTask({ bars }) {
  return [...bars]
    .sort((a, b) => a.queued - b.queued || a.from - b.from)
    .map((bar) => ({ name: bar.task.label, bars: [bar] }))
}

// A row for the memo and for each worker. Where nobody says which worker it
// was, tasks at the same time have rows of their own.
export function rowsByWorker({ bars }) {
  const rows = new Map()
  const add = (name, bar) => {
    if (!rows.has(name)) rows.set(name, { name, bars: [] })
    rows.get(name).bars.push(bar)
  }
  const untold = []
  for (const bar of bars) {
    if (bar.task.state === 'hit') add('memo', bar)
    else if (bar.task.worker === undefined) untold.push(bar)
    else add(`worker ${bar.task.worker}`, bar)
  }
  pack(untold).forEach((row, at) => row.forEach((bar) => add(`${at + 1}`, bar)))
  return [...rows.values()].sort(
    (a, b) =>
      (b.name === 'memo') - (a.name === 'memo') ||
      a.name.localeCompare(b.name, 'en', { numeric: true }),
  )
}

// As few rows as can be without two tasks at once in one. Times of events are
// whole milliseconds, so a little overlap is none.
export function pack(bars, slackMs = 1.5) {
  const rows = []
  for (const bar of [...bars].sort((a, b) => a.from - b.from)) {
    const free = rows.find((row) => row.at(-1).to <= bar.from + slackMs)
    if (free) free.push(bar)
    else rows.push([bar])
  }
  return rows
}

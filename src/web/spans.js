// SPDX-License-Identifier: Apache-2.0
// spans.js - which stretches of time a job's time line shows, in which rows.
// No DOM in here.

// {bars: [{task, queued, from, to}], compiling, from, to, isRunning}, times in
// milliseconds since 1970.
export function spansOf(run) {
  const now = Date.now()
  const bars = []
  for (const task of run.tasks) {
    const times = run.times(task, now)
    if (times) bars.push({ task, ...times })
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

export function rowsByTask({ bars }) {
  return [...bars]
    .sort((a, b) => a.queued - b.queued || a.from - b.from)
    .map((bar) => ({ name: bar.task.label, bars: [bar] }))
}

// Hits and tasks whose worker is not known have rows of their own.
export function rowsByWorker({ bars }) {
  const rows = new Map()
  for (const bar of bars) {
    const name =
      bar.task.state === 'hit'
        ? 'memo'
        : bar.task.worker !== undefined
          ? `worker ${bar.task.worker}`
          : 'tasks'
    if (!rows.has(name)) rows.set(name, { name, bars: [] })
    rows.get(name).bars.push(bar)
  }
  return [...rows.values()].sort((a, b) =>
    a.name.localeCompare(b.name, 'en', { numeric: true }),
  )
}

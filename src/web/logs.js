// SPDX-License-Identifier: Apache-2.0
// logs.js - the lines that guests wrote, and what became of the job.

import { drawLater, el, empty, replace, say } from '/dom.js'
import { clock, count } from '/format.js'

const SHOWN = 1000,
  DRAW_EVERY_MS = 150

export function logLine(line) {
  return el(
    'li',
    { data: { level: line.level ?? 'info' } },
    el('time', { datetime: new Date(line.at).toISOString() }, clock(line.at)),
    line.task && el('span.who', {}, line.task),
    el('span.what', {}, line.text ?? line.message ?? ''),
  )
}

// An event that is no log line, in words.
function eventLine(event) {
  const {
    kind,
    by,
    message,
    module,
    tasks,
    attempt,
    subject,
    at_ms: next,
  } = event
  const words = {
    submitted: subject && `by ${subject}`,
    started: [
      tasks && `${count(tasks)} tasks`,
      attempt > 1 && `attempt ${attempt}`,
    ]
      .filter(Boolean)
      .join(', '),
    compiling: module?.['/'],
    suspended: event.now && `by ${by}, running tasks were cut`,
    retried: next && `starts ${clock(next)}`,
  }
  const more =
    (Object.hasOwn(words, kind) && words[kind]) || message || (by && `by ${by}`)
  return el(
    'li',
    { data: { level: 'event' } },
    el('time', { datetime: new Date(event.at).toISOString() }, clock(event.at)),
    el('span.who', {}, String(kind)),
    el('span.what', {}, more || ''),
  )
}

// {element, update(), mark(), stop()}
export class Logs {
  constructor(run) {
    this.run = run
    this.list = el('ol.log', { tabindex: 0, 'aria-label': 'Log' })
    this.note = el('p.faint')
    this.element = el('div.logs', {}, this.note, this.list)
    this.update = drawLater(() => this.#draw(), DRAW_EVERY_MS)
    this.update()
  }

  #draw() {
    const { run, list } = this
    const lines = linesOf(run)
    const hidden = Math.max(0, lines.length - SHOWN) + run.logsDropped
    // Who reads the end wants to see what comes.
    const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8
    say(
      this.note,
      hidden > 0 ? `${count(hidden)} earlier lines are not shown` : '',
    )
    replace(
      list,
      lines.slice(-SHOWN).map(([line, view]) => view(line)),
      lines.length === 0 && el('li', {}, empty('Nothing was logged yet')),
    )
    if (isAtEnd) list.scrollTop = list.scrollHeight
  }

  mark() {}

  stop() {
    this.update.stop()
  }
}

// Lines and events in their order, each with what shows it.
function linesOf({ logs, events }) {
  const others = events.filter((event) => event.kind !== 'alarm')
  return [
    ...logs.map((line) => [line, logLine]),
    ...others.map((event) => [event, eventLine]),
  ].sort(([a], [b]) => Number(a.seq ?? 0) - Number(b.seq ?? 0))
}

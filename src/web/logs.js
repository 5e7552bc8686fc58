// SPDX-License-Identifier: Apache-2.0
// logs.js - the lines that guests wrote, and what became of the job.

import { drawLater, el, empty, replace } from '/dom.js'
import { clock, count } from '/format.js'

const SHOWN = 1000

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

export function logsView(run) {
  const list = el('ol.log', { tabindex: 0, 'aria-label': 'Log' })
  const note = el('p.faint')
  const element = el('div.logs', {}, note, list)
  const draw = drawLater(() => {
    const events = run.events.filter((event) => event.kind !== 'alarm')
    const lines = [
      ...run.logs.map((line) => [line, logLine]),
      ...events.map((one) => [one, eventLine]),
    ].sort(([a], [b]) => Number(a.seq ?? 0) - Number(b.seq ?? 0))
    const stays = list.scrollTop + list.clientHeight >= list.scrollHeight - 8
    const hidden = Math.max(0, lines.length - SHOWN) + run.logsDropped
    note.textContent =
      hidden > 0 ? `${count(hidden)} earlier lines are not shown` : ''
    if (lines.length === 0)
      return replace(list, el('li', {}, empty('Nothing was logged yet')))
    replace(
      list,
      lines.slice(-SHOWN).map(([line, view]) => view(line)),
    )
    if (stays) list.scrollTop = list.scrollHeight
    return undefined
  })
  draw()
  return { element, update: draw, mark() {}, stop: draw.stop }
}

// SPDX-License-Identifier: Apache-2.0
// tasks.js - a job's tasks as a table, of which only the rows in sight exist.

import { drawLater, el, replace, say } from '/dom.js'
import { bytes, count, duration } from '/format.js'
import { TASK_STATES } from '/run.js'

const ROW = 40,
  SPARE = 8
const COLUMNS = ['Task', 'State', 'Function', 'Waited', 'Ran', 'Stored']

// tasksView(run, {select}) → {element, update(), mark(index), stop()}
export function tasksView(run, { select }) {
  const now = { list: run.tasks, chosen: -1, text: '', state: '' }
  const search = el('input', {
    type: 'search',
    placeholder: 'Find a task',
    'aria-label': 'Find a task',
    oninput: () => find(),
  })
  const states = el(
    'select',
    { 'aria-label': 'State', onchange: () => find() },
    el('option', { value: '' }, 'any state'),
    Object.entries(TASK_STATES).map(([name, { text }]) =>
      el('option', { value: name }, text),
    ),
  )
  const number = el('span.faint', { role: 'status' })
  const rows = el('div.rows', { role: 'rowgroup' })
  const scroll = el(
    'div.scroll',
    { role: 'table', 'aria-label': 'Tasks', 'aria-rowcount': run.tasks.length },
    el(
      'div.row.head',
      { role: 'row' },
      COLUMNS.map((name) => el('span', { role: 'columnheader' }, name)),
    ),
    rows,
  )
  const element = el(
    'div.tasks',
    {},
    el('div.tools', {}, search, states, number),
    scroll,
  )
  const draw = drawLater(paint)

  function find() {
    now.text = search.value.toLowerCase()
    now.state = states.value
    scroll.scrollTop = 0
    draw()
  }

  function paint() {
    now.list = run.tasks.filter(
      (task) =>
        (!now.state || task.state === now.state) &&
        (!now.text ||
          `${task.label} ${task.function ?? ''}`
            .toLowerCase()
            .includes(now.text)),
    )
    say(
      number,
      now.list.length === run.tasks.length
        ? ''
        : `${count(now.list.length)} of ${count(run.tasks.length)}`,
    )
    rows.style.height = `${Math.max(1, now.list.length) * ROW}px`
    const focused = document.activeElement?.dataset.index
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - SPARE)
    const last = Math.min(
      now.list.length,
      first + Math.ceil(scroll.clientHeight / ROW) + 2 * SPARE,
    )
    replace(
      rows,
      now.list.slice(first, last).map((task, at) => row(task, first + at)),
    )
    if (focused !== undefined)
      rows
        .querySelector(`[data-index="${Number(focused)}"]`)
        ?.focus({ preventScroll: true })
  }

  function row(task, at) {
    const element = el(
      'div.row',
      {
        role: 'row',
        tabindex: 0,
        'aria-rowindex': at + 1,
        'aria-selected': task.index === now.chosen,
        data: { index: task.index, at },
      },
      el('span.name', { role: 'cell' }, task.label),
      el(
        'span',
        { role: 'cell' },
        el(
          'span.chip',
          { data: { state: task.state } },
          TASK_STATES[task.state].text,
        ),
      ),
      el('span', { role: 'cell' }, task.function ?? ''),
      el('span.number', { role: 'cell' }, duration(task.queued_ns)),
      el('span.number', { role: 'cell' }, duration(task.run_ns)),
      el('span.number', { role: 'cell' }, bytes(task.stored)),
    )
    element.style.top = `${at * ROW}px`
    return element
  }

  const indexOf = (event) =>
    Number(event.target.closest('.rows .row')?.dataset.index ?? -1)
  rows.addEventListener(
    'click',
    (event) => indexOf(event) >= 0 && select(indexOf(event)),
  )
  rows.addEventListener('keydown', (event) => {
    const at = Number(event.target.dataset.at)
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      select(indexOf(event))
      return
    }
    const next = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: now.list.length - 1,
    }[event.key]
    if (next === undefined || !now.list[next]) return
    event.preventDefault()
    const top = next * ROW
    if (top < scroll.scrollTop) scroll.scrollTop = top
    if (top + 2 * ROW > scroll.scrollTop + scroll.clientHeight)
      scroll.scrollTop = top + 2 * ROW - scroll.clientHeight
    paint()
    rows.querySelector(`[data-at="${next}"]`)?.focus({ preventScroll: true })
  })
  scroll.addEventListener('scroll', draw)
  const watch = new ResizeObserver(draw)
  watch.observe(scroll)
  return {
    element,
    update: draw,
    mark(index) {
      now.chosen = index
      draw()
    },
    stop() {
      draw.stop()
      watch.disconnect()
    },
  }
}

// SPDX-License-Identifier: Apache-2.0
// tasks.js - a job's tasks as a table, of which only the rows in sight exist.

import { drawLater, el, replace, say } from '/dom.js'
import { bytes, count, duration } from '/format.js'
import { TASK_STATES } from '/run.js'

const ROW = 40,
  SPARE = 8
const COLUMNS = ['Task', 'State', 'Function', 'Waited', 'Ran', 'Stored']

// {element, update(), mark(index), stop()}; select(index) is called when a task
// is chosen.
export class TaskTable {
  constructor(run, { select }) {
    Object.assign(this, { run, select, list: run.tasks, chosen: -1 })
    this.rows = el('div.rows', { role: 'rowgroup' })
    this.scroll = el(
      'div.scroll',
      {
        role: 'table',
        'aria-label': 'Tasks',
        'aria-rowcount': run.tasks.length,
      },
      el(
        'div.row.head',
        { role: 'row' },
        COLUMNS.map((name) => el('span', { role: 'columnheader' }, name)),
      ),
      this.rows,
    )
    this.element = el('div.tasks', {}, this.#tools(), this.scroll)
    this.update = drawLater(() => this.#paint())
    this.rows.addEventListener('click', (event) => {
      const row = event.target.closest('.row')
      if (row) this.select(Number(row.dataset.index))
    })
    this.rows.addEventListener('keydown', (event) => this.#key(event))
    this.scroll.addEventListener('scroll', this.update)
    this.watch = new ResizeObserver(this.update)
    this.watch.observe(this.scroll)
  }

  #tools() {
    const find = () => {
      this.scroll.scrollTop = 0
      this.update()
    }
    this.search = el('input', {
      type: 'search',
      placeholder: 'Find a task',
      'aria-label': 'Find a task',
      oninput: find,
    })
    this.states = el(
      'select',
      { 'aria-label': 'State', onchange: find },
      el('option', { value: '' }, 'any state'),
      Object.entries(TASK_STATES).map(([name, { text }]) =>
        el('option', { value: name }, text),
      ),
    )
    this.number = el('span.faint', { role: 'status' })
    return el('div.tools', {}, this.search, this.states, this.number)
  }

  #isFound(task) {
    const text = this.search.value.toLowerCase()
    const state = this.states.value
    return (
      (!state || task.state === state) &&
      (!text ||
        `${task.label} ${task.function ?? ''}`.toLowerCase().includes(text))
    )
  }

  #paint() {
    const { run, rows, scroll } = this
    this.list = run.tasks.filter((task) => this.#isFound(task))
    const [found, all] = [this.list.length, run.tasks.length]
    say(this.number, found === all ? '' : `${count(found)} of ${count(all)}`)
    rows.style.height = `${Math.max(1, found) * ROW}px`
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - SPARE)
    const last = first + Math.ceil(scroll.clientHeight / ROW) + 2 * SPARE
    const focused =
      rows.contains(document.activeElement) &&
      document.activeElement.dataset.index
    replace(
      rows,
      this.list
        .slice(first, last)
        .map((task, at) => this.#row(task, first + at)),
    )
    if (focused)
      rows
        .querySelector(`[data-index="${focused}"]`)
        ?.focus({ preventScroll: true })
  }

  #row(task, at) {
    const { text } = TASK_STATES[task.state]
    const cell = (name, ...inside) => el(name, { role: 'cell' }, inside)
    const row = el(
      'div.row',
      {
        role: 'row',
        tabindex: 0,
        'aria-rowindex': at + 1,
        'aria-selected': String(task.index === this.chosen),
        data: { index: task.index, at },
      },
      cell('span.name', task.label),
      cell('span', el('span.chip', { data: { state: task.state } }, text)),
      cell('span', task.function ?? ''),
      cell('span.number', duration(task.queued_ns)),
      cell('span.number', duration(task.run_ns)),
      cell('span.number', bytes(task.stored)),
    )
    row.style.top = `${at * ROW}px`
    return row
  }

  #key(event) {
    const { index, at } = event.target.dataset
    const keys = {
      ArrowDown: Number(at) + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: this.list.length - 1,
    }
    const next = Object.hasOwn(keys, event.key) ? keys[event.key] : -1
    if (event.key === 'Enter' || event.key === ' ') this.select(Number(index))
    else if (this.list[next]) this.#focus(next)
    else return
    event.preventDefault()
  }

  #focus(at) {
    const { scroll } = this
    const top = at * ROW
    const most = scroll.scrollTop + scroll.clientHeight
    if (top < scroll.scrollTop) scroll.scrollTop = top
    if (top + 2 * ROW > most)
      scroll.scrollTop = top + 2 * ROW - scroll.clientHeight
    this.#paint()
    this.rows.querySelector(`[data-at="${at}"]`)?.focus({ preventScroll: true })
  }

  mark(index) {
    this.chosen = index
    this.update()
  }

  stop() {
    this.update.stop()
    this.watch.disconnect()
  }
}

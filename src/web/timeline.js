// SPDX-License-Identifier: Apache-2.0
// timeline.js - when each task waited, compiled, ran and was stored: a row for
// each worker, or for each task. Scrolls like any page; a canvas as large as
// the frame draws what is in it.

import { colours, onLight, sharp } from '/canvas.js'
import { button, drawLater, el, say } from '/dom.js'
import { bytes, duration, durationMs } from '/format.js'
import { TASK_STATES, isOver } from '/run.js'
import { rowsByTask, rowsByWorker, spansOf } from '/spans.js'

const ROW = 28,
  AXIS = 30,
  BAR = 16,
  LETTER = 7,
  GUTTER = 132,
  MARGIN = 16
const ZOOM_MAX = 4000,
  EACH_TASK_MAX = 40,
  TICK_MS = 200

// {element, update(), mark(index), stop()}; select(index) is called when a task
// is chosen.
export class Timeline {
  constructor(run, { select }) {
    Object.assign(this, { run, select, zoomed: 1, rows: [] })
    this.chosen = this.over = -1
    this.isByTask = run.tasks.length <= EACH_TASK_MAX
    const words =
      'Time line of the tasks; the table of tasks has the same numbers'
    this.canvas = el('canvas', { role: 'img', 'aria-label': words })
    this.spacer = el('div.spacer', {}, this.canvas)
    this.scroll = el(
      'div.scroll',
      { tabindex: 0, role: 'region', 'aria-label': 'Time line' },
      this.spacer,
    )
    this.tip = el('p.tip', { role: 'status' })
    this.element = el('div.timeline', {}, this.#tools(), this.scroll, this.tip)
    this.update = drawLater(() => this.#paint())
    this.#listen()
  }

  #tools() {
    const rows = button(
      'A row per task',
      () => {
        this.isByTask = !this.isByTask
        rows.setAttribute('aria-pressed', this.isByTask)
        this.update()
      },
      { 'aria-pressed': String(this.isByTask) },
    )
    return el(
      'div.tools',
      {},
      rows,
      legend(),
      el(
        'span.zoom',
        { role: 'group', 'aria-label': 'Zoom' },
        button('+', () => this.#zoom(this.zoomed * 1.6), {
          'aria-label': 'Zoom in',
        }),
        button('−', () => this.#zoom(this.zoomed / 1.6), {
          'aria-label': 'Zoom out',
        }),
        button('Fit', () => this.#zoom(1), { 'aria-label': 'Show all' }),
      ),
    )
  }

  #listen() {
    const { canvas, scroll } = this
    canvas.addEventListener('pointermove', (event) => {
      const index = this.#at(event)
      if (index === this.over) return
      this.over = index
      canvas.classList.toggle('over', index >= 0)
      say(this.tip, index >= 0 ? words(this.run.tasks[index]) : '')
    })
    canvas.addEventListener('click', (event) => {
      const index = this.#at(event)
      if (index >= 0) this.select(index)
    })
    scroll.addEventListener('scroll', this.update)
    this.stopLight = onLight(this.update)
    this.watch = new ResizeObserver(this.update)
    this.watch.observe(scroll)
  }

  // What is in the middle stays there.
  #zoom(wanted) {
    const { scroll } = this
    const before = this.zoomed
    const half = scroll.clientWidth / 2
    const middle = scroll.scrollLeft + half - GUTTER
    this.zoomed = Math.min(ZOOM_MAX, Math.max(1, wanted))
    this.#paint()
    scroll.scrollLeft = (middle * this.zoomed) / before + GUTTER - half
  }

  // The canvas fills the frame; the spacer is as large as all there is.
  #paint() {
    const { canvas, scroll, spacer } = this
    const width = scroll.clientWidth
    const spans = spansOf(this.run)
    const room = Math.max(50, width - GUTTER - MARGIN) * this.zoomed
    this.rows = this.isByTask ? rowsByTask(spans) : rowsByWorker(spans)
    const tall = AXIS + this.rows.length * ROW + 24
    scroll.style.height = `${tall}px` // at most what the style sheet says
    const height = scroll.clientHeight
    canvas.style.width = `${width}px`
    canvas.style.height = `${height}px`
    spacer.style.width = `${GUTTER + room + MARGIN}px`
    spacer.style.height = `${Math.max(tall - 16, height)}px`
    this.place = {
      from: spans.from,
      scale: room / Math.max(spans.to - spans.from, 1),
      left: scroll.scrollLeft,
      top: scroll.scrollTop,
    }
    paintAll(this, spans)
    clearTimeout(this.ticker)
    if (!isOver(this.run.job.state) && spans.isRunning)
      this.ticker = setTimeout(this.update, TICK_MS)
  }

  // The task under a pointer; -1: none.
  #at({ offsetX, offsetY }) {
    const { top, left, from, scale } = this.place
    const row = this.rows[Math.floor((offsetY - AXIS + top) / ROW)]
    if (!row || offsetY < AXIS) return -1
    const reach = 3 / scale
    const when = (offsetX - GUTTER + left) / scale + from
    const bar = row.bars.find(
      ({ queued, to }) => when >= queued - reach && when <= to + reach,
    )
    return (bar ?? (this.isByTask ? row.bars[0] : undefined))?.task.index ?? -1
  }

  mark(index) {
    this.chosen = index
    this.update()
  }

  stop() {
    clearTimeout(this.ticker)
    this.update.stop()
    this.watch.disconnect()
    this.stopLight()
  }
}

function legend() {
  return el(
    'ul.legend',
    { 'aria-label': 'Colours' },
    [
      ['queue', 'waited'],
      ['compile', 'compiled'],
      ['ran', 'ran'],
      ['hit', 'from the memo'],
      ['failed', 'failed'],
    ].map(([name, text]) =>
      el('li', {}, el('i', { data: { colour: name } }), text),
    ),
  )
}

function words(task) {
  const parts = [`${task.label}: ${TASK_STATES[task.state].text}`]
  if (task.queued_ns !== undefined)
    parts.push(`waited ${duration(task.queued_ns)}`)
  if (task.run_ns !== undefined) parts.push(`ran ${duration(task.run_ns)}`)
  if (task.stored !== undefined) parts.push(`stored ${bytes(task.stored)}`)
  return parts.join(', ')
}

function paintAll({ canvas, place, rows, chosen, isByTask }, spans) {
  const colour = colours(canvas)
  const { context, width, height } = sharp(canvas)
  const x = (when) => GUTTER + (when - place.from) * place.scale - place.left
  context.font = '12px system-ui, sans-serif'
  context.textBaseline = 'middle'
  axis(context, place, { width, height, colour, x })
  context.save()
  context.beginPath()
  context.rect(GUTTER - 4, AXIS - 4, width, height)
  context.clip()
  for (const one of spans.compiling) {
    context.fillStyle = colour.compile
    context.fillRect(
      x(one.from),
      AXIS - 4,
      Math.max(1, x(one.to) - x(one.from)),
      3,
    )
  }
  const first = Math.max(0, Math.floor(place.top / ROW))
  const last = Math.min(rows.length, Math.ceil((place.top + height) / ROW))
  const y = (row) => AXIS + row * ROW - place.top
  for (let row = first; row < last; row++)
    for (const entry of rows[row].bars)
      bar(context, entry, { y: y(row), width, colour, x, chosen, isByTask })
  context.restore()
  context.fillStyle = colour.back
  context.fillRect(0, AXIS, GUTTER - 6, height)
  context.fillStyle = colour.text
  for (let row = first; row < last; row++) {
    if (y(row) < AXIS - ROW / 2) continue
    context.fillText(shorten(rows[row].name), 8, y(row) + ROW / 2)
  }
}

const shorten = (name) => (name.length > 17 ? `${name.slice(0, 16)}…` : name)

function bar(context, entry, frame) {
  const { y, width, colour, x } = frame
  const { task } = entry
  if (x(entry.to) < GUTTER - 10 || x(entry.queued) > width) return
  if (task.index === frame.chosen) {
    context.fillStyle = colour.line
    context.fillRect(GUTTER, y, width, ROW)
  }
  if (task.state === 'hit') {
    diamond(context, x(entry.from), y + ROW / 2, colour.hit)
    return
  }
  // Where tasks share a row, their waits would lie on each other.
  if (frame.isByTask) {
    waits(context, entry.queued, entry.from, frame, colour.queue)
    if (entry.compiled)
      waits(
        context,
        entry.compiled.from,
        entry.compiled.to,
        frame,
        colour.compile,
      )
  }
  ran(context, entry, frame)
}

function diamond(context, x, y, colour) {
  const half = BAR / 2
  context.fillStyle = colour
  context.beginPath()
  context.moveTo(x, y - half)
  context.lineTo(x + 6, y)
  context.lineTo(x, y + half)
  context.lineTo(x - 6, y)
  context.fill()
}

function waits(context, from, to, { x, y }, colour) {
  if (x(to) - x(from) < 0.5) return
  context.fillStyle = colour
  context.fillRect(x(from), y + ROW / 2 - 2, x(to) - x(from), 4)
}

function ran(context, { task, from, to }, { x, y, colour }) {
  const left = x(from),
    wide = x(to) - left
  const place = [left, y + (ROW - BAR) / 2, Math.max(1.5, wide), BAR]
  context.fillStyle = colour[task.state] || colour.ran
  context.beginPath()
  context.roundRect(...place, Math.min(3, wide / 2))
  context.fill()
  if (wide < LETTER * task.label.length + 12) return
  context.fillStyle = colour.back
  context.fillText(task.label, left + 6, y + ROW / 2 + 0.5)
}

function axis(context, place, { width, height, colour, x }) {
  const wanted = 110 / place.scale
  const power = 10 ** Math.floor(Math.log10(wanted))
  const step = [1, 2, 5, 10]
    .map((unit) => unit * power)
    .find((unit) => unit >= wanted)
  const from = Math.floor(place.left / place.scale / step) * step
  const to = (place.left + width - GUTTER) / place.scale
  context.fillStyle = colour.faint
  context.strokeStyle = colour.line
  context.lineWidth = 1
  for (let at = from; at <= to; at += step) {
    const px = Math.round(x(place.from + at)) + 0.5
    if (px < GUTTER - 1) continue
    context.beginPath()
    context.moveTo(px, AXIS - 8)
    context.lineTo(px, height)
    context.stroke()
    context.fillText(durationMs(at), px + 4, 12)
  }
}

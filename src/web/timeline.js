// SPDX-License-Identifier: Apache-2.0
// timeline.js - when each task waited, compiled, ran and was stored: a row for
// each worker, or for each task. Scrolls like any page; a canvas as large as
// the frame draws what is in it.

import { colours, onLight, sharp } from '/canvas.js'
import { button, drawLater, el, say } from '/dom.js'
import { bytes, duration, durationMs } from '/format.js'
import { TASK_STATES, isOver } from '/run.js'

const ROW = 28,
  AXIS = 30,
  GUTTER = 132,
  ZOOM_MAX = 4000

// timelineView(run, {select}) → {element, update(), mark(index), stop()}
export function timelineView(run, { select }) {
  const state = {
    zoom: 1,
    byTask: run.tasks.length <= 40,
    chosen: -1,
    over: -1,
    rows: [],
  }
  const canvas = el('canvas', {
    role: 'img',
    'aria-label':
      'Time line of the tasks; the table of tasks has the same numbers',
  })
  const spacer = el('div.spacer', {}, canvas)
  const scroll = el(
    'div.scroll',
    { tabindex: 0, role: 'region', 'aria-label': 'Time line' },
    spacer,
  )
  const tip = el('p.tip', { role: 'status' })
  const draw = drawLater(() => paint())
  const rows = el(
    'button',
    {
      type: 'button',
      'aria-pressed': state.byTask,
      onclick: () => {
        state.byTask = !state.byTask
        rows.setAttribute('aria-pressed', state.byTask)
        draw()
      },
    },
    'A row per task',
  )
  const element = el(
    'div.timeline',
    {},
    el(
      'div.tools',
      {},
      rows,
      legend(),
      el(
        'span.zoom',
        { role: 'group', 'aria-label': 'Zoom' },
        button('+', () => zoom(1.6), { 'aria-label': 'Zoom in' }),
        button('−', () => zoom(1 / 1.6), { 'aria-label': 'Zoom out' }),
        button('Fit', () => zoom(0), { 'aria-label': 'Show all' }),
      ),
    ),
    scroll,
    tip,
  )

  function zoom(factor) {
    const before = state.zoom
    state.zoom =
      factor === 0 ? 1 : Math.min(ZOOM_MAX, Math.max(1, before * factor))
    const middle = scroll.scrollLeft + scroll.clientWidth / 2 - GUTTER
    paint()
    scroll.scrollLeft =
      (middle * state.zoom) / before + GUTTER - scroll.clientWidth / 2
  }

  function paint() {
    const spans = spansOf(run)
    const room = Math.max(50, scroll.clientWidth - GUTTER - 16)
    const scale = (room * state.zoom) / Math.max(spans.to - spans.from, 1)
    state.rows = state.byTask ? rowsByTask(spans) : rowsByWorker(spans)
    // The canvas fills the frame; the spacer is as large as all there is.
    canvas.style.width = `${scroll.clientWidth}px`
    canvas.style.height = `${scroll.clientHeight}px`
    spacer.style.width = `${GUTTER + room * state.zoom + 16}px`
    spacer.style.height = `${Math.max(AXIS + state.rows.length * ROW + 8, scroll.clientHeight)}px`
    state.place = {
      from: spans.from,
      to: spans.to,
      scale,
      left: scroll.scrollLeft,
      top: scroll.scrollTop,
    }
    paintAll(canvas, run, spans, state)
    if (!isOver(run.job.state) && spans.isRunning) draw()
  }

  const at = (event) => {
    const { top, left, from, scale } = state.place ?? {}
    const row = state.rows[Math.floor((event.offsetY - AXIS + top) / ROW)]
    if (!row || event.offsetY < AXIS) return -1
    const reach = 3 / scale
    const when = (event.offsetX - GUTTER + left) / scale + from
    const hit = row.bars.find(
      (bar) => when >= bar.queued - reach && when <= bar.to + reach,
    )
    return hit ? hit.task.index : state.byTask ? row.bars[0].task.index : -1
  }
  canvas.addEventListener('pointermove', (event) => {
    const index = at(event)
    if (index === state.over) return
    state.over = index
    canvas.classList.toggle('over', index >= 0)
    say(tip, index >= 0 ? words(run, run.tasks[index]) : '')
  })
  canvas.addEventListener('click', (event) => {
    const index = at(event)
    if (index >= 0) select(index)
  })
  scroll.addEventListener('scroll', draw)
  const stopLight = onLight(draw)
  const watch = new ResizeObserver(draw)
  watch.observe(scroll)
  return {
    element,
    update: draw,
    mark(index) {
      state.chosen = index
      draw()
    },
    stop() {
      draw.stop()
      watch.disconnect()
      stopLight()
    },
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

function words(run, task) {
  const parts = [`${task.label}: ${TASK_STATES[task.state].text}`]
  if (task.queued_ns !== undefined)
    parts.push(`waited ${duration(task.queued_ns)}`)
  if (task.run_ns !== undefined) parts.push(`ran ${duration(task.run_ns)}`)
  if (task.stored !== undefined) parts.push(`stored ${bytes(task.stored)}`)
  return parts.join(', ')
}

function spansOf(run) {
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

function rowsByTask({ bars }) {
  return [...bars]
    .sort((a, b) => a.queued - b.queued || a.from - b.from)
    .map((bar) => ({ name: bar.task.label, bars: [bar] }))
}

// Hits and tasks whose worker is not known have rows of their own.
function rowsByWorker({ bars }) {
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

function paintAll(canvas, run, spans, state) {
  const colour = colours(canvas)
  const { context, width, height } = sharp(canvas)
  const { place, rows } = state
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
      bar(context, entry, { y: y(row), width, colour, x, state })
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

function bar(
  context,
  { task, queued, from, to },
  { y, width, colour, x, state },
) {
  const [a, b, c] = [x(queued), x(from), x(to)]
  if (c < GUTTER - 10 || a > width) return
  const high = ROW - 12,
    top = y + 6
  if (task.index === state.chosen) {
    context.fillStyle = colour.line
    context.fillRect(GUTTER, y, width, ROW)
  }
  if (task.state === 'hit') {
    context.fillStyle = colour.hit
    context.beginPath()
    context.moveTo(b, top)
    context.lineTo(b + 6, top + high / 2)
    context.lineTo(b, top + high)
    context.lineTo(b - 6, top + high / 2)
    context.fill()
    return
  }
  if (b - a > 0.5) {
    context.fillStyle = colour.queue
    context.fillRect(a, top + high / 2 - 2, b - a, 4)
  }
  context.fillStyle = colour[task.state] || colour.ran
  context.beginPath()
  context.roundRect(
    b,
    top,
    Math.max(1.5, c - b),
    high,
    Math.min(3, (c - b) / 2),
  )
  context.fill()
  const text = task.label
  if (c - b > 7 * text.length + 12) {
    context.fillStyle = colour.back
    context.fillText(text, b + 6, top + high / 2 + 0.5)
  }
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

// SPDX-License-Identifier: Apache-2.0
// map.js - thousands of tasks on a canvas: a cell each, in blocks from left to
// right by what they await. Lines are drawn for the chosen task only.

import { colours, onLight, sharp } from '/canvas.js'
import { drawLater, el, say } from '/dom.js'
import { plural } from '/format.js'
import { blocks, neighbour } from '/layers.js'
import { TASK_STATES } from '/run.js'
import { stage } from '/stage.js'

const CELL = { cell: 14, gap: 3, blockGap: 44, aspect: 1.6 }

export function mapView(run, { select }) {
  const places = blocks(
    run.tasks.map((task) => task.awaits),
    CELL,
  )
  const canvas = el('canvas.map', {
    tabindex: 0,
    role: 'application',
    'aria-label': `Map of ${plural(run.tasks.length, 'task')}; arrow keys go from task to task, Enter opens one`,
  })
  const tip = el('p.tip', { role: 'status' })
  const state = { view: { x: 0, y: 0, scale: 1 }, over: -1, chosen: -1 }
  const draw = drawLater(() => paint(canvas, run, places, state))
  const view = stage(canvas, {
    size: () => places,
    readable: 0.4,
    draw: (now) => {
      state.view = now
      draw()
    },
  })
  view.element.append(tip)

  const point = (index) => {
    state.over = index
    const task = run.tasks[index]
    say(tip, task ? `${task.label}: ${TASK_STATES[task.state].text}` : '')
    draw()
  }
  canvas.addEventListener('pointermove', (event) => {
    const index = cellAt(places, state.view, event.offsetX, event.offsetY)
    canvas.classList.toggle('over', index >= 0)
    if (index !== state.over) point(index)
  })
  canvas.addEventListener('click', (event) => {
    const index = cellAt(places, state.view, event.offsetX, event.offsetY)
    if (index >= 0 && !view.wasDrag()) select(index)
  })
  canvas.addEventListener('keydown', (event) => {
    const now = Math.max(0, state.over, state.over < 0 ? state.chosen : -1)
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      select(now)
      return
    }
    const next = neighbour(run.tasks, places, now, event.key)
    if (next === undefined) return
    event.preventDefault()
    point(next)
    view.show({
      x: places.x[next],
      y: places.y[next],
      width: CELL.cell,
      height: CELL.cell,
    })
  })
  const stopLight = onLight(draw)
  return {
    element: view.element,
    update: draw,
    mark(index) {
      state.chosen = index
      draw()
    },
    stop() {
      stopLight()
      draw.stop()
      view.stop()
    },
  }
}

function cellAt(places, { x, y, scale }, px, py) {
  const atX = (px - x) / scale,
    atY = (py - y) / scale
  const reach = CELL.cell + CELL.gap
  return places.x.findIndex(
    (left, index) =>
      atX >= left &&
      atX < left + reach &&
      atY >= places.y[index] &&
      atY < places.y[index] + reach,
  )
}

function paint(canvas, run, places, { view, over, chosen }) {
  const colour = colours(canvas)
  const { context } = sharp(canvas)
  context.translate(view.x, view.y)
  context.scale(view.scale, view.scale)
  captions(context, run, places, view.scale, colour)
  // One path for each state: thousands of cells, a handful of fills.
  const paths = {}
  run.tasks.forEach((task, index) => {
    const path = (paths[task.state] ??= new Path2D())
    path.roundRect(places.x[index], places.y[index], CELL.cell, CELL.cell, 3)
  })
  for (const [state, path] of Object.entries(paths)) {
    context.fillStyle = colour[state]
    context.fill(path)
  }
  const half = CELL.cell / 2
  for (const [index, strength] of [
    [over, 0.6],
    [chosen, 1],
  ]) {
    const task = run.tasks[index]
    if (!task) continue
    context.globalAlpha = strength
    context.strokeStyle = colour.accent
    context.lineWidth = 1.5 / view.scale
    context.beginPath()
    for (const other of [...task.awaits, ...task.awaitedBy]) {
      context.moveTo(places.x[index] + half, places.y[index] + half)
      context.lineTo(places.x[other] + half, places.y[other] + half)
    }
    context.stroke()
    context.lineWidth = 3 / Math.min(1, view.scale)
    context.strokeStyle = colour.text
    context.strokeRect(
      places.x[index] - 1,
      places.y[index] - 1,
      CELL.cell + 2,
      CELL.cell + 2,
    )
    context.globalAlpha = 1
  }
}

function captions(context, run, places, scale, colour) {
  context.fillStyle = colour.faint
  context.font = `${12 / Math.min(scale, 1)}px system-ui, sans-serif`
  places.blocks.forEach((block, at) => {
    const name = run.tasks[block.first].function ?? ''
    const room = (places.blocks[at + 1]?.x ?? block.x + 300) - block.x - 8
    const text =
      block.width > 60 ? `${name} ×${block.count}` : `×${block.count}`
    context.fillText(text, block.x, block.y - 8 / scale, Math.max(room, 10))
  })
}

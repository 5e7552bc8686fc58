// SPDX-License-Identifier: Apache-2.0
// map.js - thousands of tasks on a canvas: a cell each, in blocks from left to
// right by what they await. Lines are drawn for the chosen task only.

import { colours, onLight, sharp } from '/canvas.js'
import { drawLater, el, say } from '/dom.js'
import { plural } from '/format.js'
import { blocks, neighbour } from '/layers.js'
import { TASK_STATES } from '/run.js'
import { Stage } from '/stage.js'

const ROUND_MAX = 2000
const CELL = { cell: 14, gap: 3, blockGap: 44, aspect: 1.6 }
const PHONE = { ...CELL, aspect: 0.8 }

// {element, update(), mark(index), stop()}
export class TaskMap {
  constructor(run, { select }) {
    const awaits = run.tasks.map((task) => task.awaits)
    Object.assign(this, {
      run,
      select,
      places: blocks(awaits, innerWidth < 640 ? PHONE : CELL),
    })
    this.over = this.chosen = -1
    this.canvas = el('canvas.map', {
      tabindex: 0,
      role: 'application',
      'aria-label': `Map of ${plural(run.tasks.length, 'task')}; arrow keys go from task to task, Enter opens one`,
    })
    this.tip = el('p.tip', { role: 'status' })
    this.paths = null // of cells, by state; null: states have changed
    this.draw = drawLater(() => paint(this))
    this.stage = new Stage(this.canvas, {
      size: () => this.places,
      readable: 0.12,
      draw: this.draw,
    })
    this.element = this.stage.element
    this.element.append(this.tip)
    this.#listen()
    this.stopLight = onLight(this.draw)
  }

  #listen() {
    const { canvas } = this
    const at = (event) =>
      cellAt(this.places, this.stage.view, event.offsetX, event.offsetY)
    canvas.addEventListener('pointermove', (event) => {
      const index = at(event)
      canvas.classList.toggle('over', index >= 0)
      if (index !== this.over) this.#point(index)
    })
    canvas.addEventListener('click', (event) => {
      const index = at(event)
      if (index >= 0 && !this.stage.wasDrag()) this.select(index)
    })
    canvas.addEventListener('keydown', (event) => this.#key(event))
  }

  #point(index) {
    const task = this.run.tasks[index]
    this.over = index
    say(this.tip, task ? `${task.label}: ${TASK_STATES[task.state].text}` : '')
    this.draw()
  }

  #key(event) {
    const now = Math.max(0, this.over < 0 ? this.chosen : this.over)
    const next = neighbour(this.run.tasks, this.places, now, event.key)
    if (event.key === 'Enter' || event.key === ' ') this.select(now)
    else if (next !== undefined) this.#show(next)
    else return
    event.preventDefault()
  }

  #show(index) {
    this.#point(index)
    this.#bring(index)
  }

  #bring(index) {
    const { x, y } = this.places
    const { cell } = CELL
    this.stage.show({ x: x[index], y: y[index], width: cell, height: cell })
  }

  update() {
    this.paths = null
    this.draw()
  }

  mark(index) {
    this.chosen = index
    if (index >= 0) this.#bring(index)
    this.draw()
  }

  stop() {
    this.stopLight()
    this.draw.stop()
    this.stage.stop()
  }
}

function cellAt({ x, y }, view, px, py) {
  const atX = (px - view.x) / view.scale,
    atY = (py - view.y) / view.scale
  const reach = CELL.cell + CELL.gap
  const isIn = (at, from) => at >= from && at < from + reach
  return x.findIndex((left, index) => isIn(atX, left) && isIn(atY, y[index]))
}

function paint(map) {
  const { canvas, run, places, stage, over, chosen } = map
  const colour = colours(canvas)
  const { context } = sharp(canvas)
  const { x, y, scale } = stage.view
  context.translate(x, y)
  context.scale(scale, scale)
  captions(context, run, places, scale, colour)
  map.paths ??= cells(run, places)
  for (const [state, path] of map.paths) {
    context.fillStyle = colour[state]
    context.fill(path)
  }
  for (const [index, strength] of [
    [over, 0.6],
    [chosen, 1],
  ]) {
    if (!run.tasks[index]) continue
    context.globalAlpha = strength
    chosenCell(context, run.tasks[index], places, { scale, colour })
    context.globalAlpha = 1
  }
}

// One path for each state: thousands of cells, a handful of fills.
function cells(run, { x, y }) {
  const paths = new Map()
  const isRound = run.tasks.length <= ROUND_MAX // many corners take long
  run.tasks.forEach(({ state }, index) => {
    if (!paths.has(state)) paths.set(state, new Path2D())
    const place = [x[index], y[index], CELL.cell, CELL.cell]
    if (isRound) paths.get(state).roundRect(...place, 3)
    else paths.get(state).rect(...place)
  })
  return paths
}

function chosenCell(context, task, { x, y }, { scale, colour }) {
  const half = CELL.cell / 2
  const middle = (index) => [x[index] + half, y[index] + half]
  context.strokeStyle = colour.accent
  context.lineWidth = 1.5 / scale
  context.beginPath()
  for (const other of [...task.awaits, ...task.awaitedBy]) {
    context.moveTo(...middle(task.index))
    context.lineTo(...middle(other))
  }
  context.stroke()
  context.strokeStyle = colour.text
  context.lineWidth = 3 / Math.min(1, scale)
  context.strokeRect(
    x[task.index] - 1,
    y[task.index] - 1,
    CELL.cell + 2,
    CELL.cell + 2,
  )
}

function captions(context, run, places, scale, colour) {
  context.fillStyle = colour.faint
  context.font = `${12 / Math.min(scale, 1)}px system-ui, sans-serif`
  places.blocks.forEach((block, at) => {
    const name = run.tasks[block.first].function ?? ''
    const room = (places.blocks[at + 1]?.x ?? block.x + 300) - block.x - 8
    const text =
      block.width > 60 ? `${name} ×${block.count}` : `×${block.count}`
    if (room * scale < 26) return
    context.fillText(text, block.x, block.y - 8 / scale, room)
  })
}

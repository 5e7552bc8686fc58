// SPDX-License-Identifier: Apache-2.0
// graph.js - a job's tasks as boxes joined by what they await, in SVG. Beyond
// BOXES_MAX tasks map.js draws them instead.

import { drawLater, say, svg } from '/dom.js'
import { duration, plural } from '/format.js'
import { layers, neighbour } from '/layers.js'
import { TaskMap } from '/map.js'
import { TASK_STATES } from '/run.js'
import { Stage } from '/stage.js'

export const BOXES_MAX = 400

const SIZE = { boxWidth: 172, boxHeight: 46, gapX: 56, gapY: 18 }
const LETTERS = 21

const cut = (text, most = LETTERS) =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text

// graphView(run, {select}) → {element, update(indices), mark(index), stop()}
// select(index) is called when a task is chosen.
export function graphView(run, options) {
  return run.tasks.length > BOXES_MAX
    ? new TaskMap(run, options)
    : new Boxes(run, options)
}

class Boxes {
  constructor(run, { select }) {
    const awaits = run.tasks.map((task) => task.awaits)
    Object.assign(this, { run, select, places: layers(awaits, SIZE) })
    this.boxes = run.tasks.map((task) => new Box(task, this.places))
    this.lines = this.places.lines.map((line) => ({
      ...line,
      element: svg('path.line', { d: curve(line.points) }),
    }))
    this.#picture()
    this.now = 0 // the box that Tab leads to
    this.waiting = new Set(run.tasks.keys())
    this.draw = drawLater(() => this.#draw())
    this.draw()
    this.#hold(0)
  }

  #picture() {
    const world = svg(
      'g',
      {},
      ...[this.lines, this.boxes].map((list) => list.map((one) => one.element)),
    )
    const words = `Graph of ${plural(this.run.tasks.length, 'task')}; arrow keys go from task to task`
    const picture = svg(
      'svg.graph',
      { role: 'group', 'aria-label': words },
      world,
    )
    this.stage = new Stage(picture, {
      size: () => this.places,
      draw: ({ x, y, scale }) =>
        world.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`),
    })
    this.element = this.stage.element
    const on = (name, act) =>
      picture.addEventListener(name, (event) => {
        const box = event.target.closest('.task')
        if (box) act(Number(box.dataset.index), event)
      })
    on('click', (index) => this.stage.wasDrag() || this.select(index))
    on('focusin', (index) => this.#focused(index))
    on('keydown', (index, event) => this.#key(index, event))
  }

  #hold(index) {
    this.boxes[this.now]?.element.setAttribute('tabindex', '-1')
    this.now = index
    this.boxes[index]?.element.setAttribute('tabindex', '0')
  }

  #focused(index) {
    const { x, y } = this.places
    this.#hold(index)
    this.stage.show({
      x: x[index],
      y: y[index],
      width: SIZE.boxWidth,
      height: SIZE.boxHeight,
    })
  }

  #key(index, event) {
    const next = neighbour(this.run.tasks, this.places, index, event.key)
    if (event.key === 'Enter' || event.key === ' ') this.select(index)
    else if (next !== undefined)
      this.boxes[next].element.focus({ preventScroll: true })
    else return
    event.preventDefault()
  }

  #draw() {
    const { tasks } = this.run
    for (const index of this.waiting) this.boxes[index].draw(tasks[index])
    this.waiting.clear()
    for (const { element, from } of this.lines)
      element.classList.toggle(
        'done',
        ['ran', 'hit'].includes(tasks[from].state),
      )
  }

  update(indices) {
    indices.forEach((index) => this.waiting.add(index))
    this.draw()
  }

  mark(index) {
    this.boxes.forEach(({ element }, at) =>
      element.classList.toggle('chosen', at === index),
    )
    this.lines.forEach(({ element, from, to }) =>
      element.classList.toggle('near', from === index || to === index),
    )
    if (index >= 0) this.#focused(index)
  }

  stop() {
    this.draw.stop()
    this.stage.stop()
  }
}

class Box {
  constructor(task, { x, y }) {
    const { boxWidth: width, boxHeight: height } = SIZE
    this.more = svg('text.more', { x: 14, y: 35 })
    this.mark = svg('text.mark', { x: width - 12, y: 28, 'text-anchor': 'end' })
    this.title = svg('title')
    this.element = svg(
      'g.task',
      {
        transform: `translate(${x[task.index]} ${y[task.index]})`,
        tabindex: -1,
        role: 'button',
        data: { index: task.index },
      },
      this.title,
      svg('rect.back', { width, height, rx: 9 }),
      svg('rect.stripe', {
        x: 4,
        y: 8,
        width: 3.5,
        height: height - 16,
        rx: 1.75,
      }),
      svg('text.name', { x: 14, y: 19 }, cut(task.label)),
      this.more,
      this.mark,
    )
    this.element.classList.toggle('output', Boolean(task.output))
  }

  draw(task) {
    const { text, brief, mark } = TASK_STATES[task.state]
    const hasTime = task.state === 'ran' && task.run_ns !== undefined
    const took = hasTime ? duration(task.run_ns) : (brief ?? text)
    const words = [task.function, took].filter(Boolean).join(' · ')
    say(this.more, cut(words, LETTERS + 1))
    say(this.mark, mark)
    say(this.title, `${task.label}: ${text}`)
    this.element.dataset.state = task.state
    this.element.setAttribute(
      'aria-label',
      [task.label, task.function, text].filter(Boolean).join(', '),
    )
  }
}

function curve([[startX, startY], ...rest]) {
  let [x, y, path] = [startX, startY, `M${startX} ${startY}`]
  rest.forEach(([nextX, nextY], at) => {
    const bend = (nextX - x) / 2
    // Every second stretch lies inside a layer that the line passes.
    path +=
      at % 2 === 0
        ? `C${x + bend} ${y} ${nextX - bend} ${nextY} ${nextX} ${nextY}`
        : `L${nextX} ${nextY}`
    ;[x, y] = [nextX, nextY]
  })
  return path
}

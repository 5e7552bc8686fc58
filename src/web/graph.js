// SPDX-License-Identifier: Apache-2.0
// graph.js - a job's tasks as boxes joined by what they await, in SVG. Beyond
// BOXES_MAX tasks map.js draws them instead.

import { drawLater, say, svg } from '/dom.js'
import { duration } from '/format.js'
import { layers, neighbour } from '/layers.js'
import { mapView } from '/map.js'
import { TASK_STATES } from '/run.js'
import { stage } from '/stage.js'

export const BOXES_MAX = 400

const BOX = { boxWidth: 172, boxHeight: 46, gapX: 56, gapY: 18 }
const LETTERS = 21

const cut = (text, most = LETTERS) =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text

// graphView(run, {select}) → {element, update(indices), mark(index), stop()}
// select(index) is called when a task is chosen.
export function graphView(run, options) {
  return run.tasks.length > BOXES_MAX
    ? mapView(run, options)
    : boxesView(run, options)
}

function boxesView(run, { select }) {
  const places = layers(
    run.tasks.map((task) => task.awaits),
    BOX,
  )
  const boxes = run.tasks.map((task) => box(task, places))
  const lines = places.lines.map((line) => ({
    ...line,
    element: svg('path.line', { d: curve(line.points) }),
  }))
  const world = svg(
    'g',
    {},
    lines.map((line) => line.element),
    boxes.map((one) => one.element),
  )
  const picture = svg(
    'svg.graph',
    {
      role: 'group',
      'aria-label': `Graph of ${run.tasks.length} tasks; arrow keys go from task to task`,
    },
    world,
  )
  const view = stage(picture, {
    size: () => places,
    draw: ({ x, y, scale }) =>
      world.setAttribute('transform', `translate(${x} ${y}) scale(${scale})`),
  })

  let now = 0
  const hold = (index) => {
    boxes[now]?.element.setAttribute('tabindex', '-1')
    now = index
    boxes[now]?.element.setAttribute('tabindex', '0')
  }
  const indexOf = (event) => {
    const one = event.target.closest('.task')
    return one ? Number(one.dataset.index) : -1
  }
  picture.addEventListener('click', (event) => {
    if (!view.wasDrag() && indexOf(event) >= 0) select(indexOf(event))
  })
  picture.addEventListener('focusin', (event) => {
    const index = indexOf(event)
    if (index < 0) return
    hold(index)
    view.show({
      x: places.x[index],
      y: places.y[index],
      width: BOX.boxWidth,
      height: BOX.boxHeight,
    })
  })
  picture.addEventListener('keydown', (event) => {
    const index = indexOf(event)
    if (index < 0) return
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      select(index)
      return
    }
    const next = neighbour(run.tasks, places, index, event.key)
    if (next === undefined) return
    event.preventDefault()
    boxes[next].element.focus({ preventScroll: true })
  })

  const waiting = new Set(run.tasks.map((task) => task.index))
  const draw = drawLater(() => {
    for (const index of waiting) boxes[index].draw(run.tasks[index])
    for (const line of lines)
      line.element.classList.toggle(
        'done',
        ['ran', 'hit'].includes(run.tasks[line.from].state),
      )
    waiting.clear()
  })
  draw()
  hold(0)
  return {
    element: view.element,
    update(indices) {
      indices.forEach((index) => waiting.add(index))
      draw()
    },
    mark(index) {
      boxes.forEach((one, at) =>
        one.element.classList.toggle('chosen', at === index),
      )
      lines.forEach((line) =>
        line.element.classList.toggle(
          'near',
          line.from === index || line.to === index,
        ),
      )
      if (index >= 0) hold(index)
    },
    stop() {
      draw.stop()
      view.stop()
    },
  }
}

function box(task, places) {
  const state = svg('text.more', { x: 14, y: 35 })
  const mark = svg('text.mark', {
    x: BOX.boxWidth - 12,
    y: 28,
    'text-anchor': 'end',
  })
  const title = svg('title')
  const element = svg(
    'g.task',
    {
      transform: `translate(${places.x[task.index]} ${places.y[task.index]})`,
      tabindex: -1,
      role: 'button',
      data: { index: task.index },
    },
    title,
    svg('rect.back', { width: BOX.boxWidth, height: BOX.boxHeight, rx: 9 }),
    svg('rect.stripe', {
      x: 4,
      y: 8,
      width: 3.5,
      height: BOX.boxHeight - 16,
      rx: 1.75,
    }),
    svg('text.name', { x: 14, y: 19 }, cut(task.label)),
    state,
    mark,
  )
  if (task.output) element.classList.add('output')
  return {
    element,
    draw(now) {
      const { text, mark: sign } = TASK_STATES[now.state]
      element.dataset.state = now.state
      const took =
        now.state === 'ran' && now.run_ns !== undefined
          ? duration(now.run_ns)
          : text
      say(
        state,
        cut([now.function, took].filter(Boolean).join(' · '), LETTERS + 1),
      )
      say(mark, sign)
      say(title, `${now.label}: ${text}`)
      element.setAttribute(
        'aria-label',
        `${now.label}, ${[now.function, text].filter(Boolean).join(', ')}`,
      )
    },
  }
}

function curve(points) {
  const [first, ...rest] = points
  let [x, y] = first
  return rest.reduce((path, [nextX, nextY], at) => {
    const bend = (nextX - x) / 2
    // Every second stretch lies inside a layer that the line passes.
    const step =
      at % 2 === 0
        ? `C${x + bend} ${y} ${nextX - bend} ${nextY} ${nextX} ${nextY}`
        : `L${nextX} ${nextY}`
    ;[x, y] = [nextX, nextY]
    return path + step
  }, `M${x} ${y}`)
}

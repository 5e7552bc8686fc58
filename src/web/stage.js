// SPDX-License-Identifier: Apache-2.0
// stage.js - a picture larger than its frame: drag moves it, two fingers,
// Ctrl and wheel, + and - zoom, 0 shows all of it.

import { button, el } from '/dom.js'

const SCALE_MIN = 0.02,
  SCALE_MAX = 3,
  SCALE_FIT = 1.25
const ROOM = 24,
  HEIGHT_MIN = 240

// A point p of the picture is shown at p * scale + (x, y).
export class Stage {
  // size() → {width, height} of the picture; draw({x, y, scale}); at first no
  // smaller than `readable`.
  constructor(inner, { size, draw, readable = 0.6 }) {
    Object.assign(this, { size, draw })
    this.view = { x: 0, y: 0, scale: 1 }
    this.isMoved = false
    this.element = el('div.stage', {}, inner, this.#buttons())
    this.#listen()
    this.drag = new Drag(this)
    this.isFit = false
    this.shown = null
    this.watch = new ResizeObserver(() => this.#resized(readable))
    this.watch.observe(this.element)
  }

  #buttons() {
    return el(
      'div.zoom',
      { role: 'group', 'aria-label': 'Zoom' },
      button('+', () => this.zoom(1.25), { 'aria-label': 'Zoom in' }),
      button('−', () => this.zoom(0.8), { 'aria-label': 'Zoom out' }),
      button('Fit', () => this.fit(), { 'aria-label': 'Show all' }),
    )
  }

  #listen() {
    const wheel = (event) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      this.zoom(Math.exp(-event.deltaY / 200), this.place(event))
    }
    this.element.addEventListener('wheel', wheel, { passive: false })
    this.element.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      if (event.key === '+' || event.key === '=') this.zoom(1.25)
      else if (event.key === '-') this.zoom(0.8)
      else if (event.key === '0') this.fit()
      else return
      event.preventDefault()
    })
  }

  // Where an event is, in the frame.
  place(event) {
    const box = this.element.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }

  fit(least = SCALE_MIN) {
    const { width, height } = this.size()
    const { element, view } = this
    const outer = element.clientWidth
    if (outer === 0 || width === 0) return
    // No taller than the picture needs at this width.
    const wide = Math.min((outer - 2 * ROOM) / width, SCALE_FIT)
    const wanted = height * Math.max(least, wide) + 5 * ROOM
    element.style.height = `${Math.max(HEIGHT_MIN, wanted)}px`
    const tall = element.clientHeight
    const scale = Math.min(wide, (tall - 2 * ROOM) / height)
    view.scale = Math.max(scale, least, SCALE_MIN)
    view.x = Math.max(ROOM, (outer - width * view.scale) / 2)
    view.y = (tall - height * view.scale) / 2
    if (scale < least) view.y = Math.max(ROOM, view.y)
    this.isMoved = false
    this.isFit = true
    this.draw(view)
  }

  #resized(readable) {
    if (!this.isMoved) this.fit(readable)
    if (this.shown && !this.isMoved) this.show(this.shown)
    else this.draw(this.view)
  }

  zoom(factor, at) {
    const { element, view } = this
    const { clientWidth, clientHeight } = element
    const { x, y } = at ?? { x: clientWidth / 2, y: clientHeight / 2 }
    const wanted = Math.max(SCALE_MIN, view.scale * factor)
    const scale = Math.min(SCALE_MAX, wanted)
    view.x = x - ((x - view.x) * scale) / view.scale
    view.y = y - ((y - view.y) * scale) / view.scale
    view.scale = scale
    this.isMoved = true
    this.draw(view)
  }

  move(x, y) {
    this.view.x += x
    this.view.y += y
    this.isMoved = true
    this.draw(this.view)
  }

  // Moves just so far that this part of the picture is in the frame, now and
  // when the frame gets another size.
  show(part) {
    this.shown = part
    if (!this.isFit) return
    const { view, element } = this
    const into = (at, len, all) =>
      at < ROOM ? ROOM - at : Math.min(0, all - ROOM - at - len)
    const x = part.x * view.scale + view.x
    const y = part.y * view.scale + view.y
    view.x += into(x, part.width * view.scale, element.clientWidth)
    view.y += into(y, part.height * view.scale, element.clientHeight)
    this.draw(view)
  }

  // The click now was the end of a drag.
  wasDrag() {
    return this.drag.moved > CLICK_MOVES
  }

  stop() {
    this.watch.disconnect()
  }
}

// A hand that clicks moves a little.
const CLICK_MOVES = 4

// One pointer drags, two pinch.
class Drag {
  constructor(stage) {
    this.stage = stage
    this.down = new Map()
    this.moved = 0
    const { element } = stage
    const up = (event) => this.down.delete(event.pointerId)
    element.addEventListener('pointerdown', (event) => this.#press(event))
    element.addEventListener('pointermove', (event) => this.#move(event))
    element.addEventListener('pointerup', up)
    element.addEventListener('pointercancel', up)
  }

  #press(event) {
    if (event.button !== 0 || event.target.closest('.zoom')) return
    if (this.down.size === 0) this.moved = 0
    this.down.set(event.pointerId, this.stage.place(event))
  }

  #move(event) {
    const before = this.down.get(event.pointerId)
    if (!before) return
    const now = this.stage.place(event)
    this.moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y)
    if (this.moved > CLICK_MOVES)
      this.stage.element.setPointerCapture(event.pointerId)
    this.down.set(event.pointerId, now)
    if (this.down.size === 1)
      this.stage.move(now.x - before.x, now.y - before.y)
    else this.#pinch(event.pointerId, before, now)
  }

  #pinch(id, before, now) {
    const [, other] = [...this.down].find(([one]) => one !== id)
    const far = (point) => Math.hypot(point.x - other.x, point.y - other.y)
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }
    this.stage.zoom(far(now) / Math.max(1, far(before)), middle)
  }
}

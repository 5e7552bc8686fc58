// SPDX-License-Identifier: Apache-2.0
// stage.js - a picture larger than its frame: drag moves it, two fingers,
// Ctrl and wheel, + and - zoom, 0 shows all of it.

import { button, el } from '/dom.js'

const SCALE_MIN = 0.02,
  SCALE_MAX = 3,
  SCALE_FIT = 1.25,
  HEIGHT_MIN = 240

// `inner` is shown in a frame; draw({x, y, scale}) is told where: a point p of
// the picture is at p * scale + (x, y). size() → {width, height}.
export function stage(inner, { size, draw, readable = 0.6 }) {
  const view = { x: 0, y: 0, scale: 1, isMoved: false }
  const element = el('div.stage', {}, inner)
  const frame = () => ({
    width: element.clientWidth,
    height: element.clientHeight,
  })

  function fit(least = SCALE_MIN) {
    const { width, height } = size(),
      outer = frame()
    if (outer.width === 0 || width === 0) return
    const room = 24
    // No taller than the picture needs at this width.
    const wide = Math.max(
      least,
      Math.min((outer.width - 2 * room) / width, SCALE_FIT),
    )
    element.style.height = `${Math.max(HEIGHT_MIN, height * wide + 5 * room)}px`
    outer.height = element.clientHeight
    const scale = Math.min(
      (outer.width - 2 * room) / width,
      (outer.height - 2 * room) / height,
      SCALE_FIT,
    )
    view.scale = Math.max(scale, least, SCALE_MIN)
    view.x = Math.max(room, (outer.width - width * view.scale) / 2)
    view.y =
      scale < least && height * view.scale > outer.height
        ? room
        : (outer.height - height * view.scale) / 2
    view.isMoved = false
    draw(view)
  }

  function zoom(factor, at) {
    const outer = frame()
    const { x, y } = at ?? { x: outer.width / 2, y: outer.height / 2 }
    const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, view.scale * factor))
    view.x = x - ((x - view.x) * scale) / view.scale
    view.y = y - ((y - view.y) * scale) / view.scale
    view.scale = scale
    view.isMoved = true
    draw(view)
  }

  function move(x, y) {
    view.x += x
    view.y += y
    view.isMoved = true
    draw(view)
  }

  // Moves just so far that this part of the picture is in the frame.
  function show({ x, y, width, height }) {
    const outer = frame(),
      room = 24
    const into = (at, len, all) =>
      at < room ? room - at : at + len > all - room ? all - room - at - len : 0
    const dx = into(x * view.scale + view.x, width * view.scale, outer.width)
    const dy = into(y * view.scale + view.y, height * view.scale, outer.height)
    if (dx !== 0 || dy !== 0) move(dx, dy)
  }

  const place = (event) => {
    const box = element.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  element.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      zoom(Math.exp(-event.deltaY / 200), place(event))
    },
    { passive: false },
  )
  element.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const act = {
      '+': () => zoom(1.25),
      '=': () => zoom(1.25),
      '-': () => zoom(0.8),
      0: () => fit(),
    }[event.key]
    if (!act) return
    event.preventDefault()
    act()
  })
  const drag = pointers(element, { place, move, zoom })
  const watch = new ResizeObserver(() =>
    view.isMoved ? draw(view) : fit(readable),
  )
  watch.observe(element)

  element.append(
    el(
      'div.zoom',
      { role: 'group', 'aria-label': 'Zoom' },
      button('+', () => zoom(1.25), { 'aria-label': 'Zoom in' }),
      button('−', () => zoom(0.8), { 'aria-label': 'Zoom out' }),
      button('Fit', () => fit(), { 'aria-label': 'Show all' }),
    ),
  )
  return {
    element,
    view,
    fit,
    show,
    wasDrag: drag.was,
    stop: () => watch.disconnect(),
  }
}

// One pointer drags, two pinch. was(): the click now was the end of a drag.
function pointers(element, { place, move, zoom }) {
  const down = new Map()
  let moved = 0
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.target.closest('.zoom')) return
    if (down.size === 0) moved = 0
    down.set(event.pointerId, place(event))
  })
  element.addEventListener('pointermove', (event) => {
    const before = down.get(event.pointerId)
    if (!before) return
    const now = place(event)
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y)
    if (moved > 4) element.setPointerCapture(event.pointerId)
    if (down.size === 1) {
      move(now.x - before.x, now.y - before.y)
    } else {
      const [other] = [...down].find(([id]) => id !== event.pointerId).slice(1)
      const far = (point) => Math.hypot(point.x - other.x, point.y - other.y)
      zoom(far(now) / Math.max(1, far(before)), {
        x: (now.x + other.x) / 2,
        y: (now.y + other.y) / 2,
      })
    }
    down.set(event.pointerId, now)
  })
  const up = (event) => down.delete(event.pointerId)
  element.addEventListener('pointerup', up)
  element.addEventListener('pointercancel', up)
  return { was: () => moved > 4 }
}

// SPDX-License-Identifier: Apache-2.0
// dom.js - makes elements. Text is always text: nothing here reads HTML, so
// nothing a guest says can become more than characters on the screen.

const SVG = 'http://www.w3.org/2000/svg'

// el('a.name', {href, onclick, …}, child, 'text', [more], null)
// Keys that begin with "on" are listeners, `data` is a map, others are
// attributes; false, null and undefined leave one out, true is empty.
export function el(name, options = {}, ...children) {
  const [tag, ...classes] = name.split('.')
  return fill(document.createElement(tag), classes, options, children)
}

export function svg(name, options = {}, ...children) {
  const [tag, ...classes] = name.split('.')
  return fill(document.createElementNS(SVG, tag), classes, options, children)
}

function fill(element, classes, options, children) {
  if (classes.length > 0) element.classList.add(...classes)
  for (const [key, value] of Object.entries(options)) {
    if (value === false || value === null || value === undefined) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (key === 'data') Object.assign(element.dataset, value)
    else if (key === 'value' || key === 'checked') element[key] = value
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  element.append(...nodes(children))
  return element
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)))
}

export function replace(element, ...children) {
  element.replaceChildren(...nodes(children))
  return element
}

// Sets text only if it is another, so that a selection survives.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

// Calls `draw` once in the next frame, however often it is asked, and no sooner
// than `everyMs` after the last time.
export function drawLater(draw, everyMs = 0) {
  let frame = 0,
    timer = 0,
    last = -Infinity
  const run = () => {
    frame = timer = 0
    last = performance.now()
    draw()
  }
  const ask = () => {
    if (frame || timer) return
    const wait = last + everyMs - performance.now()
    if (wait > 0) timer = setTimeout(run, wait)
    else frame = requestAnimationFrame(run)
  }
  ask.stop = () => {
    clearTimeout(timer)
    cancelAnimationFrame(frame)
  }
  return ask
}

// Arrow keys, Home and End move the focus among `selector` in `element`.
export function arrowKeys(element, selector, keys = ['ArrowDown', 'ArrowUp']) {
  element.addEventListener('keydown', (event) => {
    const all = [...element.querySelectorAll(selector)]
    const now = all.indexOf(event.target.closest(selector))
    if (now < 0) return
    const next = {
      [keys[0]]: now + 1,
      [keys[1]]: now - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key]
    if (next === undefined || !all[next]) return
    event.preventDefault()
    all[next].focus()
  })
}

// A few words that go away, told to screen readers as well.
export function toast(text, { href, link, isTrouble = false } = {}) {
  const element = el(
    isTrouble ? 'p.toast.trouble' : 'p.toast',
    {},
    text,
    href && el('a', { href }, link),
  )
  document.getElementById('toasts').append(element)
  setTimeout(() => element.remove(), isTrouble ? 12000 : 5000)
}

export function button(text, onclick, options = {}) {
  return el('button', { type: 'button', onclick, ...options }, text)
}

// What stands where there is nothing, or where something went wrong.
export function empty(title, ...more) {
  return el(
    'div.empty',
    {},
    el('h2', {}, title),
    more.map((part) => (part instanceof Node ? part : el('p', {}, part))),
  )
}

export function trouble(error, retry) {
  return el(
    'div.empty.trouble',
    { role: 'alert' },
    el('h2', {}, error.title ?? 'That did not work'),
    el('p', {}, error.message),
    retry && button('Try again', retry),
  )
}

export function busy(text = 'Loading…') {
  return el('p.busy', { role: 'status' }, text)
}

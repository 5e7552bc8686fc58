// SPDX-License-Identifier: Apache-2.0
// canvas.js - what every drawing on a canvas begins with.

const NAMES = [
  'waiting',
  'ready',
  'running',
  'ran',
  'hit',
  'failed',
  'skipped',
  'text',
  'faint',
  'line',
  'accent',
  'back',
  'compile',
  'queue',
]

// The colours of the style sheet, light or dark as they are now.
export function colours(element) {
  const style = getComputedStyle(element)
  return Object.fromEntries(
    NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  )
}

// A cleared canvas with a dot for each dot of the screen.
export function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1
  const { clientWidth: width, clientHeight: height } = canvas
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (canvas.width !== wide) canvas.width = wide
  if (canvas.height !== high) canvas.height = high
  const context = canvas.getContext('2d')
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.clearRect(0, 0, width, height)
  return { context, width, height }
}

// Calls `draw` when light becomes dark; returns what ends that.
export function onLight(draw) {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  dark.addEventListener('change', draw)
  return () => dark.removeEventListener('change', draw)
}

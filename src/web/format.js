// SPDX-License-Identifier: Apache-2.0
// format.js - numbers, times and names as people read them.

const number = new Intl.NumberFormat('en')
export const count = (value) => number.format(value ?? 0)

export function plural(value, word, words = `${word}s`) {
  return `${count(value)} ${value === 1 ? word : words}`
}

const digits = (value) =>
  value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value.toFixed(2)

export function bytes(value) {
  if (value === undefined || value === null) return ''
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = Number(value),
    unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return unit === 0 ? `${count(size)} B` : `${digits(size)} ${units[unit]}`
}

export function duration(ns) {
  if (ns === undefined || ns === null) return ''
  const value = Number(ns)
  if (value === 0) return '0 s'
  if (value < 1e3) return `${value.toFixed(0)} ns`
  if (value < 1e6) return `${digits(value / 1e3)} µs`
  if (value < 1e9) return `${digits(value / 1e6)} ms`
  if (value < 60e9) return `${digits(value / 1e9)} s`
  const seconds = Math.round(value / 1e9)
  const parts = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ]
  const from = parts.findIndex(([unit]) => seconds >= unit)
  return parts
    .slice(from, from + 2)
    .map(
      ([unit, name], index) =>
        `${Math.floor(index === 0 ? seconds / unit : (seconds % parts[from][0]) / unit)} ${name}`,
    )
    .join(' ')
}

export const durationMs = (ms) => duration(ms * 1e6)

export function ago(ms, now = Date.now()) {
  const seconds = Math.round((now - ms) / 1000)
  if (seconds < 0) return `in ${duration(-seconds * 1e9)}`
  if (seconds < 5) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`
  return new Date(ms).toLocaleDateString('en', { dateStyle: 'medium' })
}

export const time = (ms) =>
  new Date(ms).toLocaleString('en', {
    dateStyle: 'medium',
    timeStyle: 'medium',
  })

export function clock(ms) {
  const at = new Date(ms)
  const two = (value) => String(value).padStart(2, '0')
  return (
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` +
    `.${String(at.getMilliseconds()).padStart(3, '0')}`
  )
}

// The ends of a CID or DID: they are what differs.
export function short(text, head = 8, tail = 6) {
  const prefix = text.startsWith('did:key:') ? 'did:key:' : ''
  const rest = text.slice(prefix.length)
  return rest.length <= head + tail + 1
    ? text
    : `${prefix && 'did:…'}${prefix ? '' : rest.slice(0, head) + '…'}${rest.slice(-tail)}`
}

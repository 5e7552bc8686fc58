// SPDX-License-Identifier: Apache-2.0
// events.js - follows an event stream for as long as it is wanted: through a
// node that goes away and comes back, from where it stopped.

import { ApiError, request } from '/api.js'

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15000
// A stream this long silent is dead, even if nobody has said so: the node
// sends a comment more often than that.
const SILENCE_MS = 60000

// Splits a stream's text into events; `take` is told {id, event, data}.
export function eventReader(take) {
  let rest = ''
  let now = { id: undefined, event: 'message', data: [] }
  const line = (text) => {
    if (text === '') {
      if (now.data.length > 0) take({ ...now, data: now.data.join('\n') })
      now = { id: now.id, event: 'message', data: [] }
      return
    }
    const colon = text.indexOf(':')
    if (colon === 0) return
    const name = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') now.data.push(value)
    else if (name === 'event') now.event = value
    else if (name === 'id') now.id = value
  }
  return (chunk) => {
    const text = rest + chunk
    // A "\r" at the end may be half of "\r\n".
    const end = text.endsWith('\r') ? text.length - 1 : text.length
    const lines = text.slice(0, end).split(/\r\n|\n|\r/)
    rest = lines.pop() + text.slice(end)
    lines.forEach(line)
  }
}

// follow(path, {after, take, state, isOver}) → {stop()}
//   take({id, event, data})   data parsed as JSON
//   state('live' | 'waiting', milliseconds)
//   isOver()                  true: the stream ended because all was told
export function follow(
  path,
  { after, take, state = () => {}, isOver = () => false },
) {
  const self = {
    after,
    abort: null,
    timer: 0,
    wait: FIRST_WAIT_MS,
    stopped: false,
  }

  const told = (event) => {
    if (event.id !== undefined) self.after = event.id
    let data
    try {
      data = JSON.parse(event.data)
    } catch {
      return
    }
    take({ ...event, data })
  }

  const read = async () => {
    self.abort = new AbortController()
    const headers = { Accept: 'text/event-stream' }
    if (self.after !== undefined) headers['Last-Event-ID'] = String(self.after)
    const response = await request(path, { headers, signal: self.abort.signal })
    const reader = response.body
      .pipeThrough(new TextDecoderStream())
      .getReader()
    const feed = eventReader(told)
    state('live')
    for (;;) {
      const silence = setTimeout(() => self.abort.abort(), SILENCE_MS)
      const { done, value } = await reader
        .read()
        .finally(() => clearTimeout(silence))
      if (done) return
      self.wait = FIRST_WAIT_MS
      feed(value)
    }
  }

  const again = () => {
    if (self.stopped || self.timer || document.hidden) return
    state('waiting', self.wait)
    self.timer = setTimeout(start, self.wait)
    self.wait = Math.min(self.wait * 2, LONGEST_WAIT_MS)
  }

  const start = async () => {
    self.timer = 0
    try {
      await read()
    } catch (error) {
      if (error instanceof ApiError && [401, 403, 404].includes(error.status))
        self.stopped = true
    }
    self.abort = null
    if (isOver()) self.stopped = true
    again()
  }

  // A page that nobody looks at holds no connection: browsers give a site six.
  const look = () => {
    clearTimeout(self.timer)
    self.timer = 0
    if (document.hidden) self.abort?.abort()
    else if (!self.stopped && !self.abort) start()
  }
  document.addEventListener('visibilitychange', look)
  start()
  return {
    stop() {
      self.stopped = true
      clearTimeout(self.timer)
      document.removeEventListener('visibilitychange', look)
      self.abort?.abort()
    },
  }
}

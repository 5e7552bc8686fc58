// SPDX-License-Identifier: Apache-2.0
// events.js - follows an event stream for as long as it is wanted: through a
// node that goes away and comes back, from where it stopped.

import { ApiError, request } from '/api.js'

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15000
// A stream this long silent is dead, even if nobody has said so: the node
// sends a comment more often than that.
const SILENCE_MS = 60000
// Asking again would not help.
const FINAL = [401, 403, 404]

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
//   state('live' | 'waiting')
//   isOver()                  true: the stream ended because all was told
export function follow(path, options) {
  const follower = new Follower(path, options)
  follower.start()
  return { stop: () => follower.stop() }
}

class Follower {
  constructor(path, { after, take, state = () => {}, isOver = () => false }) {
    Object.assign(this, { path, after, take, state, isOver })
    this.abort = null // of the stream now read
    this.timer = 0
    this.waitMs = FIRST_WAIT_MS
    this.isStopped = false
    this.look = () => this.#look()
    document.addEventListener('visibilitychange', this.look)
  }

  async start() {
    this.timer = 0
    this.abort = new AbortController()
    try {
      await this.#read()
    } catch (error) {
      if (error instanceof ApiError && FINAL.includes(error.status))
        this.isStopped = true
    }
    this.abort = null
    if (this.isOver()) this.isStopped = true
    this.#again()
  }

  async #read() {
    const headers = { Accept: 'text/event-stream' }
    if (this.after !== undefined) headers['Last-Event-ID'] = String(this.after)
    const { signal } = this.abort
    const response = await request(this.path, { headers, signal })
    const text = response.body.pipeThrough(new TextDecoderStream())
    const reader = text.getReader()
    const feed = eventReader((event) => this.#told(event))
    this.state('live')
    for (;;) {
      const silence = setTimeout(() => this.abort.abort(), SILENCE_MS)
      const { done, value } = await reader
        .read()
        .finally(() => clearTimeout(silence))
      if (done) return
      this.waitMs = FIRST_WAIT_MS
      feed(value)
    }
  }

  #told(event) {
    if (event.id !== undefined) this.after = event.id
    let data
    try {
      data = JSON.parse(event.data)
    } catch {
      return
    }
    this.take({ ...event, data })
  }

  #again() {
    if (this.isStopped || this.timer || document.hidden) return
    this.state('waiting')
    this.timer = setTimeout(() => this.start(), this.waitMs)
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS)
  }

  // A page that nobody looks at holds no connection: browsers give a site six.
  #look() {
    clearTimeout(this.timer)
    this.timer = 0
    if (document.hidden) this.abort?.abort()
    else if (!this.isStopped && !this.abort) this.start()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    document.removeEventListener('visibilitychange', this.look)
    this.abort?.abort()
  }
}

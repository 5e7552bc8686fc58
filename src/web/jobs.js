// SPDX-License-Identifier: Apache-2.0
// jobs.js - the list of jobs: filtered, newest first, as it changes.

import { cidOf, getJson } from '/api.js'
import {
  arrowKeys,
  busy,
  button,
  el,
  empty,
  replace,
  say,
  trouble,
} from '/dom.js'
import { follow } from '/events.js'
import { ago, durationMs, short } from '/format.js'
import { jobHref, progress } from '/job_head.js'
import { showLink } from '/link.js'
import { JOB_STATES, isOver } from '/run.js'

const PAGE = 50,
  QUIET_MS = 300,
  TICK_MS = 5000

// jobsView(query) → {element, title, go(query), stop()}
export function jobsView(query) {
  const list = new JobList()
  list.go(query)
  return {
    element: list.element,
    title: 'Jobs',
    go: (next) => list.go(next),
    stop: () => list.stop(),
  }
}

class JobList {
  constructor() {
    this.rows = new Map()
    this.query = new URLSearchParams()
    this.pages = 1
    this.states = el(
      'div.choice',
      { role: 'radiogroup', 'aria-label': 'State' },
      ['', ...JOB_STATES].map((state) =>
        el(
          'button',
          {
            type: 'button',
            role: 'radio',
            data: { choice: state },
            onclick: () => this.filter('state', state),
          },
          state || 'all',
        ),
      ),
    )
    arrowKeys(this.states, 'button', ['ArrowRight', 'ArrowLeft'])
    this.name = this.#field('name', 'Name', 'Find by name')
    this.subject = this.#field('subject', 'Subject', 'did:key:…')
    this.list = el('ul.jobs', { 'aria-label': 'Jobs' })
    this.more = button(
      'Show more',
      () => {
        this.pages++
        this.load()
      },
      { class: 'wide' },
    )
    arrowKeys(this.list, 'a')
    this.body = el('div', {}, busy())
    this.element = el(
      'section',
      {},
      el('h1', {}, 'Jobs'),
      el('div.tools', {}, this.states, this.name, this.subject),
      this.body,
    )
    this.stream = follow('/v1/jobs/events', {
      take: () => this.#later(),
      state: (state) => {
        showLink(state)
        if (state === 'live') this.#later()
      },
    })
    this.ticker = setInterval(() => this.#tick(), TICK_MS)
  }

  #field(key, label, placeholder) {
    return el('input', {
      type: 'search',
      'aria-label': label,
      placeholder,
      oninput: (event) => {
        clearTimeout(this.typing)
        this.typing = setTimeout(
          () => this.filter(key, event.target.value.trim()),
          QUIET_MS,
        )
      },
    })
  }

  filter(key, value) {
    const query = new URLSearchParams(this.query)
    if (value) query.set(key, value)
    else query.delete(key)
    const text = query.toString()
    history.replaceState(null, '', `#/jobs${text && `?${text}`}`)
    this.go(query)
  }

  go(query) {
    this.query = query
    this.pages = 1
    const state = query.get('state') ?? ''
    for (const choice of this.states.children) {
      const isChosen = choice.dataset.choice === state
      choice.setAttribute('aria-checked', isChosen)
      choice.tabIndex = isChosen ? 0 : -1
    }
    for (const [key, field] of [
      ['name', this.name],
      ['subject', this.subject],
    ])
      if (document.activeElement !== field) field.value = query.get(key) ?? ''
    this.load()
  }

  // However many events come, the list is asked for about three times a second.
  #later() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.load()
    }, QUIET_MS)
  }

  async load() {
    const asked = (this.asked = Symbol('asked'))
    const query = new URLSearchParams(this.query)
    query.set('limit', String(PAGE * this.pages))
    try {
      const answer = await getJson(`/v1/jobs?${query}`)
      if (asked === this.asked) this.#show(answer)
    } catch (error) {
      if (asked === this.asked && this.rows.size === 0)
        replace(
          this.body,
          trouble(error, () => this.load()),
        )
    }
  }

  #show({ jobs = [], next }) {
    if (jobs.length === 0) {
      this.rows.clear()
      replace(this.body, this.#nothing())
      return
    }
    const rows = new Map(
      jobs.map((job) => {
        const id = cidOf(job.job)
        const row = this.rows.get(id) ?? new JobRow(id)
        row.update(job)
        return [id, row]
      }),
    )
    this.rows = rows
    const elements = [...rows.values()].map((row) => row.element)
    // Untouched where nothing moved: focus and scrolling stay.
    if (
      elements.length !== this.list.children.length ||
      elements.some((element, at) => this.list.children[at] !== element)
    ) {
      const focus = this.list.contains(document.activeElement)
        ? document.activeElement
        : null
      replace(this.list, elements)
      focus?.focus({ preventScroll: true })
    }
    this.more.hidden = !next
    if (!this.list.isConnected) replace(this.body, this.list, this.more)
  }

  #nothing() {
    if ([...this.query.keys()].length > 0)
      return empty(
        'No job is like that',
        button('Show all jobs', () => {
          history.replaceState(null, '', '#/jobs')
          this.go(new URLSearchParams())
        }),
      )
    return empty(
      'No jobs yet',
      'Drop a manifest on this page to run it, or:',
      el('pre', {}, 'ipvm submit examples/photo/photo.yaml'),
    )
  }

  #tick() {
    for (const row of this.rows.values()) row.tick()
  }

  stop() {
    clearInterval(this.ticker)
    clearTimeout(this.timer)
    clearTimeout(this.typing)
    this.asked = null
    this.stream.stop()
    showLink('live')
  }
}

class JobRow {
  constructor(id) {
    this.name = el('b')
    this.chip = el('span.chip')
    this.when = el('span.faint')
    this.took = el('span.number')
    this.who = el('span.faint.who')
    this.bar = el('span.bar')
    this.element = el(
      'li',
      {},
      el(
        'a.job-row',
        { href: jobHref(id) },
        this.name,
        this.chip,
        this.bar,
        this.took,
        this.when,
        this.who,
      ),
    )
    this.id = id
  }

  update(job) {
    const text = JSON.stringify(job)
    if (text === this.text) return
    this.text = text
    this.job = job
    say(this.name, job.name || short(this.id))
    say(this.chip, job.state)
    this.chip.dataset.state = job.state
    replace(this.bar, progress(job.counts))
    say(
      this.who,
      `${short(this.id, 4, 6)}${job.subject ? ` · ${short(job.subject)}` : ''}`,
    )
    this.who.title = job.subject ?? ''
    this.tick()
  }

  tick() {
    const { started, ended, submitted, state } = this.job
    say(this.when, submitted ? ago(submitted) : '')
    say(
      this.took,
      started && (ended || (!isOver(state) && state !== 'suspended'))
        ? durationMs((ended ?? Date.now()) - started)
        : '',
    )
  }
}

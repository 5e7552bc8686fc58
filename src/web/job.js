// SPDX-License-Identifier: Apache-2.0
// job.js - one job as it goes: head, actions, and its graph, time line, tasks,
// log and results, with a task of them beside.

import { ApiError, cidOf, getJson, jobPath, postJson } from '/api.js'
import {
  arrowKeys,
  busy,
  drawLater,
  el,
  empty,
  replace,
  toast,
  trouble,
} from '/dom.js'
import { follow } from '/events.js'
import { short } from '/format.js'
import { graphView } from '/graph.js'
import { JobHead, jobHref } from '/job_head.js'
import { showLink } from '/link.js'
import { Logs } from '/logs.js'
import { resultsView } from '/results.js'
import { Run, isOver } from '/run.js'
import { taskView } from '/task.js'
import { TaskTable } from '/tasks.js'
import { Timeline } from '/timeline.js'

// Each view has {element, update(indices), mark(index), stop()}.
const TABS = [
  ['graph', 'Graph', graphView],
  ['time', 'Time line', (run, options) => new Timeline(run, options)],
  ['tasks', 'Tasks', (run, options) => new TaskTable(run, options)],
  ['log', 'Log', (run) => new Logs(run)],
  ['result', 'Results', resultsView],
]

// jobView(id) → {element, title, go(tab, query), stop()}
export function jobView(id, tab, query) {
  const element = el('article.job', {}, busy())
  let isGone = false
  const self = {
    element,
    title: 'Job',
    stop() {
      isGone = true
    },
    go(nextTab, nextQuery) {
      ;[tab, query] = [nextTab, nextQuery]
    },
  }
  const load = async () => {
    try {
      const [job, graph] = await Promise.all([
        getJson(jobPath(id)),
        getJson(jobPath(id, '/graph')),
      ])
      if (isGone) return
      const open = new OpenJob(new Run(job, graph), element)
      self.title = job.name || short(id)
      self.go = (nextTab, nextQuery) => open.go(nextTab, nextQuery)
      self.stop = () => open.stop()
      document.title = `${self.title} – IPVM`
      open.go(tab, query)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404)
        replace(
          element,
          empty(
            'There is no such job on this node',
            el('a', { href: '#/jobs' }, 'All jobs'),
          ),
        )
      else replace(element, trouble(error, load))
    }
  }
  load()
  return self
}

class OpenJob {
  constructor(run, element) {
    this.run = run
    this.tab = ''
    this.view = null
    this.panel = null
    this.chosen = -1
    this.head = new JobHead(run, { act: (verb, body) => this.act(verb, body) })
    this.body = el('div.job-view', { role: 'tabpanel' })
    this.side = el('div.side')
    this.tabs = tabList(run.id)
    this.split = el('div.split', {}, this.body, this.side)
    replace(element, this.head.element, this.tabs, this.split)
    this.update = drawLater(() => this.#draw())
    this.#follow()
    this.ticker = setInterval(() => this.head.update(), 1000)
  }

  #follow() {
    this.stream?.stop()
    this.stream = follow(jobPath(this.run.id, '/events'), {
      after: this.run.seq,
      take: ({ id, event, data }) => {
        const seq = Number(data.seq ?? id)
        if (this.run.take({ ...data, seq, kind: data.kind ?? event }))
          this.update()
      },
      state: showLink,
      isOver: () => isOver(this.run.job.state),
    })
  }

  #draw() {
    this.head.update()
    this.view?.update(this.run.takeChanged())
    this.panel?.update()
    if (isOver(this.run.job.state) && !this.run.job.outputs) this.#reload()
  }

  // Once it is over the node tells its outputs.
  async #reload() {
    this.run.job.outputs = {}
    try {
      Object.assign(this.run.job, await getJson(jobPath(this.run.id)))
      this.head.update()
      if (this.tab === 'result') this.#show()
    } catch {
      /* the stream says what is wrong */
    }
  }

  go(tab, query) {
    const known = TABS.some(([name]) => name === tab) ? tab : 'graph'
    if (known !== this.tab) {
      this.tab = known
      this.#show()
    }
    const task = this.run.byLabel.get(query?.get('task'))
    this.#choose(task ? task.index : -1)
  }

  #show() {
    this.view?.stop()
    const [, , make] = TABS.find(([name]) => name === this.tab)
    this.view = make(this.run, { select: (index) => this.select(index) })
    for (const link of this.tabs.children)
      link.setAttribute('aria-selected', link.dataset.tab === this.tab)
    replace(this.body, this.view.element)
    this.body.dataset.tab = this.tab
    this.view.mark(this.chosen)
  }

  select(index) {
    location.hash = jobHref(
      this.run.id,
      this.tab,
      this.run.tasks[index]?.label ?? '',
    )
  }

  #choose(index) {
    if (index === this.chosen && index < 0 === (this.panel === null)) return
    this.chosen = index
    this.split.classList.toggle('open', index >= 0)
    this.view.mark(index)
    this.panel =
      index < 0
        ? null
        : taskView(this.run, index, {
            select: (other) => this.select(other),
            close: () => {
              this.select(-1)
              this.body
                .querySelector('[tabindex="0"]')
                ?.focus({ preventScroll: true })
            },
            fork: (label) => this.fork(label),
          })
    replace(this.side, this.panel?.element)
    this.panel?.focus()
  }

  async act(verb, body) {
    try {
      const answer = await postJson(
        jobPath(this.run.id, `/${verb}`),
        body ?? {},
      )
      if (answer?.state) this.run.job.state = answer.state
      this.head.update()
      this.#follow()
    } catch (error) {
      toast(error.message, { isTrouble: true })
    }
  }

  async fork(label) {
    try {
      const answer = await postJson(jobPath(this.run.id, '/fork'), {
        from: [label],
      })
      location.hash = jobHref(cidOf(answer.job))
      toast(`A new job runs again from ${label}`)
    } catch (error) {
      toast(error.message, { isTrouble: true })
    }
  }

  stop() {
    clearInterval(this.ticker)
    this.stream.stop()
    this.update.stop()
    this.view?.stop()
    showLink('live')
  }
}

function tabList(id) {
  const list = el(
    'div.tabs',
    { role: 'tablist', 'aria-label': 'Views of the job' },
    TABS.map(([name, text]) =>
      el(
        'a',
        { role: 'tab', href: jobHref(id, name), data: { tab: name } },
        text,
      ),
    ),
  )
  arrowKeys(list, 'a', ['ArrowRight', 'ArrowLeft'])
  return list
}

// SPDX-License-Identifier: Apache-2.0
// app.js - which page the address means, and whether somebody is signed in.
//
//     #/jobs?state=&name=&subject=      #/job/ID/TAB?task=LABEL
//     #/content/CID/path                #/call/MODULE?function=      #/node

import { onSignedOut } from '/api.js'
import { callPage } from '/call.js'
import { contentPage } from '/content.js'
import { replace } from '/dom.js'
import { acceptDrops } from '/drop.js'
import { jobView } from '/job.js'
import { jobsView } from '/jobs.js'
import { nodePage } from '/node.js'
import { signIn, signInView, takeToken } from '/session.js'

const main = document.getElementById('main')
let page = null // {key, view}

function decode(text = '') {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function address() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  const [name, id, ...rest] = path.split('/')
  return {
    name: name || 'jobs',
    id: decode(id),
    rest: rest.map(decode),
    query: new URLSearchParams(query),
  }
}

// What makes a page: while its key stays it only goes elsewhere in itself.
const PAGES = {
  jobs: {
    key: () => 'jobs',
    make: ({ query }) => jobsView(query),
    go: (view, { query }) => view.go(query),
  },
  job: {
    key: ({ id }) => `job ${id}`,
    make: ({ id, rest, query }) => jobView(id, rest[0], query),
    go: (view, { rest, query }) => view.go(rest[0], query),
  },
  content: {
    key: () => location.hash,
    make: ({ id, rest }) =>
      contentPage(id, rest.length > 0 ? `/${rest.join('/')}` : ''),
  },
  call: {
    key: () => location.hash,
    make: ({ id, query }) => callPage(id, query),
  },
  node: { key: () => 'node', make: () => nodePage() },
}

function show(view, key) {
  page?.view.stop()
  page = { key, view }
  replace(main, view.element)
  document.title = `${view.title} – IPVM`
}

async function route() {
  const token = takeToken()
  if (token) {
    try {
      await signIn(token)
    } catch (error) {
      show(signInView(again, error.message), 'sign-in')
      return
    }
  }
  const where = address()
  const kind = PAGES[where.name] ?? PAGES.jobs
  const key = kind.key(where)
  document.querySelectorAll('.bar nav a').forEach((link) => {
    const name = where.name === 'job' ? 'jobs' : where.name
    if (link.hash === `#/${name}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  })
  if (page?.key === key && kind.go) {
    kind.go(page.view, where)
    return
  }
  const isFirst = page === null
  show(kind.make(where), key)
  scrollTo(0, 0)
  if (!isFirst) main.focus({ preventScroll: true })
}

function again() {
  page?.view.stop()
  page = null
  route()
}

onSignedOut((wasGood) => {
  const why = wasGood
    ? 'The session is over, perhaps because the node was started again'
    : ''
  if (page?.key !== 'sign-in') show(signInView(again, why), 'sign-in')
})
// The address is for pages; the skip link moves the focus only.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault()
  main.focus()
})
acceptDrops(document.getElementById('drop'))
addEventListener('hashchange', route)
route()

// SPDX-License-Identifier: Apache-2.0
// api.js - asks the node. The session's cookie goes along by itself; what
// changes something carries the header that no other site can send.

// What the node answered instead of what was asked for (RFC 9457), or `status`
// 0: it did not answer at all.
export class ApiError extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `the node answered ${status}`)
    this.status = status
    this.title = problem.title
    this.name = problem.name || 'error'
    this.where = problem.where
    this.retryAfter = problem.retryAfter
  }
}

const session = { wasGood: false, over: () => {} }

// Calls over(wasGood) when the node asks who this is; wasGood: it knew before.
export function onSignedOut(over) {
  session.over = over
}

export async function request(path, options = {}) {
  const { method = 'GET', body, type, headers = {}, signal } = options
  const all = { ...headers }
  if (method !== 'GET' && method !== 'HEAD') all['X-IPVM'] = '1'
  if (type) all['Content-Type'] = type
  let response
  try {
    response = await fetch(path, {
      method,
      body,
      headers: all,
      signal,
      credentials: 'same-origin',
    })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new ApiError(0, {
      name: 'unreachable',
      title: 'The node does not answer',
      detail:
        'It may be starting again. This page goes on by itself when it is back.',
    })
  }
  if (path === '/v1/session') session.wasGood = false
  else if (response.ok) session.wasGood = true
  if (response.ok) return response
  if (response.status === 401 && path !== '/v1/session')
    session.over(session.wasGood)
  throw await failure(response)
}

async function failure(response) {
  let problem = {}
  try {
    problem = JSON.parse(await response.text())
  } catch {
    /* a proxy's words, not the node's */
  }
  return new ApiError(response.status, {
    ...problem,
    retryAfter: response.headers.get('Retry-After'),
  })
}

// Integers beyond 2^53 stay what they are.
function exact(key, value, context) {
  return typeof value === 'number' &&
    Number.isInteger(value) &&
    !Number.isSafeInteger(value) &&
    /^-?\d+$/.test(context?.source ?? '')
    ? BigInt(context.source)
    : value
}

export async function getJson(path, { isExact = false, ...options } = {}) {
  const response = await request(path, {
    headers: { Accept: 'application/json' },
    ...options,
  })
  const text = await response.text()
  return isExact ? JSON.parse(text, exact) : JSON.parse(text)
}

export async function postJson(path, value, options = {}) {
  const response = await request(path, {
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify(value),
    ...options,
  })
  const text = await response.text()
  return text === '' ? null : JSON.parse(text)
}

// {"/": "b…"} → "b…"; a text is taken as it is.
export function cidOf(link) {
  if (typeof link === 'string') return link
  return typeof link?.['/'] === 'string' ? link['/'] : ''
}

export const jobPath = (job, rest = '') =>
  `/v1/jobs/${encodeURIComponent(job)}${rest}`

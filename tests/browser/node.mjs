// SPDX-License-Identifier: Apache-2.0
// node.mjs IPVM EXAMPLES - the dashboard of a real node, which it starts: in by
// the one-time link, headers, forgery, an example run from dropped files, a
// call, a thousand tasks, kill -9 and back again.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import {
  check,
  equal,
  failures,
  isWithin,
  openBrowser,
  openPage,
  picture,
  test,
  until,
} from './lib.mjs'

const [ipvm, examples] = process.argv.slice(2)

// Starts a node; {process, link} once it has printed its link.
async function startNode(port = 0) {
  const child = spawn(ipvm, ['node', '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for await (const line of createInterface(child.stdout)) {
    const link = /http:\S+#token=\S+/.exec(line)?.[0]
    if (link) return { process: child, link }
  }
  throw new Error('the node printed no link')
}

let node = await startNode()
const { link } = node
const { origin, port } = new URL(link)
process.on('exit', () => node.process.kill('SIGKILL'))
const browser = await openBrowser()
const { page, complaints, context } = await openPage(browser)
const LONG_MS = 15000

await test('every file comes with its type, an ETag and a strict policy', async () => {
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/app.js', 'text/javascript'],
    ['/base.css', 'text/css'],
    ['/icon.svg', 'image/svg+xml'],
  ]) {
    const answer = await fetch(origin + path)
    const headers = Object.fromEntries(answer.headers)
    check(
      `${path} is ${type}`,
      headers['content-type'].startsWith(type),
      headers['content-type'],
    )
    const policy = headers['content-security-policy'] ?? ''
    check(
      `${path} has a policy without exceptions`,
      policy.includes("default-src 'none'") &&
        policy.includes("script-src 'self'") &&
        policy.includes("frame-ancestors 'none'") &&
        !/unsafe|\*|https?:/.test(policy),
      policy,
    )
    equal(
      `${path} is what it says`,
      headers['x-content-type-options'],
      'nosniff',
    )
    const again = await fetch(origin + path, {
      headers: { 'If-None-Match': headers.etag },
    })
    equal(`${path} is not sent twice`, again.status, 304)
  }
})
await test('without a session nothing is told', async () => {
  for (const path of ['/v1/jobs', '/v1/node', '/v1/jobs/events'])
    equal(path, (await fetch(origin + path)).status, 401)
})
await test('the link signs in, once', async () => {
  await page.goto(link)
  await page.getByText('No jobs yet').waitFor()
  equal(
    'the token is gone from the address',
    new URL(page.url()).hash,
    '#/jobs',
  )
  const [cookie] = await context.cookies()
  check(
    'the cookie is closed to scripts and other sites',
    cookie.httpOnly && cookie.sameSite === 'Strict',
  )
  const other = await openPage(browser)
  await other.page.goto(link)
  await other.page.getByRole('alert').getByText('link').waitFor()
  await other.context.close()
})
await test('a session changes nothing without the header', async () => {
  const statuses = await page.evaluate(async () =>
    Promise.all(
      [
        ['/v1/jobs', 'POST'],
        ['/v1/files', 'POST'],
        ['/v1/call', 'POST'],
        ['/v1/session', 'DELETE'],
      ].map(async ([path, method]) => {
        const body = method === 'POST' ? '{}' : undefined
        const headers = { 'Content-Type': 'application/json' }
        return (await fetch(path, { method, body, headers })).status
      }),
    ),
  )
  equal('all forbidden', statuses, [403, 403, 403, 403])
})

// --- A run, from files dropped on the page ---------------------------------------------

async function drop(title, names, state = 'succeeded') {
  const files = await Promise.all(
    names.map(async (name) => [
      name.split('/').at(-1),
      (await readFile(`${examples}/${name}`)).toString('base64'),
    ]),
  )
  await page.evaluate((list) => {
    const data = new DataTransfer()
    for (const [name, text] of list)
      data.items.add(
        new File(
          [Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))],
          name,
        ),
      )
    dispatchEvent(
      new DragEvent('drop', {
        dataTransfer: data,
        bubbles: true,
        cancelable: true,
      }),
    )
  }, files)
  await page
    .getByRole('heading', { name: title, exact: true })
    .waitFor({ timeout: LONG_MS })
  await page
    .locator('.job-head .chip')
    .getByText(state)
    .waitFor({ timeout: LONG_MS })
}

await test('the photograph: dropped, run, looked at', async () => {
  await drop('photo', ['photo/photo.yaml', 'photo/image.wasm', 'photo/cat.png'])
  equal('thirteen boxes', await page.locator('.graph .task').count(), 13)
  await until(
    page,
    () =>
      document.querySelectorAll('.graph .task[data-state="ran"]').length === 13,
  )
  await picture(page, 'node-photo')
  await page.locator('.graph .task[aria-label^="face,"]').click()
  await page
    .locator('.task-panel section')
    .first()
    .locator('img.picture')
    .waitFor()
  equal('its arguments', await page.locator('.inputs > li').count(), 5)
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.locator('.task-panel section section strong').waitFor()
  await page.getByText('Look', { exact: true }).first().click()
  await page.locator('.inputs img.picture').waitFor()
  await page.getByRole('button', { name: 'Receipt' }).click()
  const checks = page.locator('.task-panel .checks li')
  await checks.first().waitFor()
  const bad = await checks.filter({ has: page.locator('.bad') }).count()
  equal('no check of its receipt fails', bad, 0)
  await picture(page, 'node-task')
  await page.getByRole('tab', { name: 'Time line' }).click()
  await page.locator('.timeline canvas').waitFor()
  await page.getByRole('tab', { name: 'Results' }).click()
  await until(
    page,
    () =>
      [...document.querySelectorAll('.results img.picture')].filter(
        (image) => image.complete && image.naturalWidth > 0,
      ).length === 3,
  )
  await picture(page, 'node-results')
})
await test('again, as another job: from the memo', async () => {
  await page.locator('.graph, .results').first().waitFor()
  await page.getByRole('tab', { name: 'Graph' }).click()
  await page.locator('.graph .task[aria-label^="sheet,"]').click()
  await page.getByRole('button', { name: 'Run again from here' }).click()
  await page.getByText('A new job runs again from sheet').waitFor()
  await page
    .locator('.job-head .chip')
    .getByText('succeeded')
    .waitFor({ timeout: LONG_MS })
  await page.locator('.graph .task[data-state="hit"]').first().waitFor()
  await picture(page, 'node-fork')
})
await test('a thousand tasks', async () => {
  await drop('primes', ['primes/primes.yaml', 'primes/primes.wasm'])
  await page.locator('.numbers').getByText('1,023 tasks').waitFor()
  // Equal sums of equal numbers come from the memo.
  await until(page, () => {
    const of = (state) =>
      document.querySelector(`.numbers [data-state="${state}"] b`).textContent
    const number = (text) => Number(text.replace(',', ''))
    return number(of('ran')) + number(of('hit')) === 1023
  })
  await page.locator('canvas.map').hover({ position: { x: 60, y: 90 } })
  await picture(page, 'node-primes')
  await page.getByRole('tab', { name: 'Results' }).click()
  await page.locator('.results p.number').waitFor()
  await page.getByRole('tab', { name: 'Time line' }).click()
  await picture(page, 'node-primes-time')
})
await test('a running job is suspended, resumed, cancelled, retried', async () => {
  await drop('slow', ['primes/slow.yaml', 'primes/primes.wasm'], 'running')
  const becomes = (state) =>
    page.locator('.job-head .chip').getByText(state).waitFor()
  const press = (name) =>
    page.getByRole('button', { name, exact: true }).click()
  await press('Suspend')
  await press('Cut them now')
  await becomes('suspended')
  await page
    .locator('.task[aria-label^="slow,"]:not([data-state="running"])')
    .waitFor()
  await press('Resume')
  await becomes('running')
  await page
    .locator('.task[aria-label^="slow,"][data-state="running"]')
    .waitFor()
  for (const again of [true, false]) {
    await press('Cancel')
    await press('Cancel the job')
    await becomes('cancelled')
    if (again) await press('Retry')
    if (again) await becomes('running')
  }
  await page.getByRole('tab', { name: 'Log' }).click()
  await page.getByText('resumed').waitFor()
  await picture(page, 'node-cancelled')
})
await test('a call by a form', async () => {
  await page.goto(`${origin}/#/jobs`)
  await page
    .getByRole('link', { name: /^photo succeeded/ })
    .first()
    .click()
  await page.locator('.graph .task[aria-label^="face,"]').click()
  await page.locator('.task-panel .facts a.cid').first().click()
  await page.getByRole('link', { name: 'Call a function' }).click()
  await page.getByLabel('Function').selectOption('crop')
  await page
    .getByLabel('image: file')
    .setInputFiles(`${examples}/photo/cat.png`)
  for (const [name, value] of [
    ['x', '10'],
    ['y', '20'],
    ['width', '64'],
    ['height', '48'],
  ])
    await page.getByLabel(name, { exact: true }).fill(value)
  await until(page, () => document.querySelector('.bytes-field input').value)
  await picture(page, 'node-call')
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await page.locator('.results img.picture').waitFor({ timeout: LONG_MS })
  equal(
    'its width',
    await page
      .locator('.results img.picture')
      .evaluate((image) => image.naturalWidth),
    64,
  )
})
await test('the node tells of itself', async () => {
  await page.goto(`${origin}/#/node`)
  await page.getByText('Saved by the memo').waitFor()
  await page
    .getByText(/did:key:/)
    .first()
    .waitFor()
  check('it fits', await isWithin(page))
  await picture(page, 'node-page')
})
await test('what a guest makes is no page of the node', async () => {
  const answer = await page.evaluate(async () => {
    const added = await fetch('/v1/files?name=x.html', {
      method: 'POST',
      body: '<!doctype html><script>parent.pwned = 1</script>',
      headers: { 'X-IPVM': '1' },
    })
    const { cid } = await added.json()
    const file = await fetch(`/ipfs/${cid['/']}`)
    return Object.fromEntries(file.headers)
  })
  check(
    'its content is shown in a sandbox',
    /sandbox(?! allow)/.test(answer['content-security-policy'] ?? ''),
    JSON.stringify(answer),
  )
  equal('and not guessed at', answer['x-content-type-options'], 'nosniff')
})
await test('kill -9: the page says so, asks to sign in, and goes on', async () => {
  await drop('slow', ['primes/slow.yaml', 'primes/primes.wasm'], 'running')
  const gone = once(node.process, 'exit')
  node.process.kill('SIGKILL')
  await gone
  await page.locator('#link').getByText('does not answer').waitFor()
  node = await startNode(port)
  await page.getByRole('alert').getByText('started again').waitFor()
  await picture(page, 'node-again')
  await page.getByLabel('Link or token').fill(node.link)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'slow', exact: true }).waitFor()
  await page.locator('.job-head .chip').getByText('running').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Cancel the job' }).click()
  await page.locator('.job-head .chip').getByText('cancelled').waitFor()
})
await test('signing out ends the session', async () => {
  await page.goto(`${origin}/#/node`)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.locator('.sign-in').waitFor()
})
equal('no complaints from the browser', complaints, [])

await browser.close()
const ended = once(node.process, 'exit')
node.process.kill('SIGTERM')
equal('the node stops in good order', (await ended)[0], 0)
process.exit(failures() > 0 ? 1 : 0)

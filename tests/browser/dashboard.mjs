// SPDX-License-Identifier: Apache-2.0
// dashboard.mjs WEB PICTURE - the dashboard against the mock: every page in
// two windows, by mouse and by keyboard, with hostile data, and with a node
// that goes away and comes back.

import { readdir, readFile } from 'node:fs/promises'
import {
  check,
  dots,
  equal,
  failures,
  isWithin,
  openBrowser,
  openPage,
  picture,
  test,
  until,
  WINDOWS,
} from './lib.mjs'
import { cid, hostile, Mock } from './mock.mjs'
import { parts } from './parts.mjs'
import {
  evil,
  failed,
  finish,
  hostileResults,
  photo,
  photoTasks,
  primes,
} from './scenes.mjs'

const [web, pictureFile] = process.argv.slice(2)
const mock = new Mock(web, await readFile(pictureFile))
await mock.listen()
const browser = await openBrowser()
const jobs = {
  evil: evil(mock),
  failed: failed(mock),
  primes: primes(mock),
  photo: photo(mock),
}
const at = (page, hash) => page.goto(`${mock.url}/${hash}`)
const job = (name, rest = '') => `#/job/${jobs[name]}${rest}`

async function signIn(page) {
  mock.token = 'once-only'
  await page.goto(`${mock.url}/#token=once-only`)
  await page.waitForSelector('.job-row')
}

const { page, complaints, context } = await openPage(browser)

await test('the page asks for all its modules at once', async () => {
  const files = (await readdir(web)).filter((name) => name.endsWith('.js'))
  const html = await readFile(`${web}/index.html`, 'utf8')
  const named = [...html.matchAll(/"\/([\w.-]+\.js)"/g)].map(([, name]) => name)
  equal('each is named', named.sort(), files.sort())
})

// --- In and out -----------------------------------------------------------------

await test('without a session there is only the door', async () => {
  await at(page, '')
  await page.waitForSelector('.sign-in')
  await picture(page, 'sign-in')
})
await test('the link signs in, and its token is gone from address and history', async () => {
  await signIn(page)
  equal('the address', new URL(page.url()).hash, '#/jobs')
  const cookies = await context.cookies()
  check(
    'the cookie is closed to scripts and other sites',
    cookies[0].httpOnly && cookies[0].sameSite === 'Strict',
  )
  equal('no script sees it', await page.evaluate(() => document.cookie), '')
  await page.goBack()
  check('going back shows no token', !page.url().includes('once-only'))
})
await test('a link works once, and says so', async () => {
  const other = await openPage(browser)
  await other.page.goto(`${mock.url}/#token=once-only`)
  await other.page.getByText('this link was used already').waitFor()
  check('the token is gone all the same', !other.page.url().includes('token'))
  await other.context.close()
})

// --- Jobs -----------------------------------------------------------------------

await test('jobs are filtered by state and name', async () => {
  await at(page, '#/jobs')
  await page.getByRole('radio', { name: 'failed' }).click()
  await until(page, () => document.querySelectorAll('.job-row').length === 2)
  equal(
    'the address holds the filter',
    new URL(page.url()).hash,
    '#/jobs?state=failed',
  )
  await page.getByLabel('Name').fill('night')
  await until(page, () => document.querySelectorAll('.job-row').length === 1)
  await page.getByLabel('Name').fill('no such')
  await page.getByText('No job is like that').waitFor()
  await page.getByRole('button', { name: 'Show all jobs' }).click()
  await until(page, () => document.querySelectorAll('.job-row').length === 4)
})
await test('a new job appears by itself, and focus stays', async () => {
  await page.getByRole('link', { name: /^primes/ }).focus()
  mock.addJob('fresh', photoTasks())
  await page.getByRole('link', { name: /^fresh/ }).waitFor()
  equal(
    'focus',
    await page.evaluate(
      () => document.activeElement.querySelector('b').textContent,
    ),
    'primes',
  )
})

// --- One job --------------------------------------------------------------------

await test('a run clicked through: graph, task, picture, inputs, explain', async () => {
  await at(page, '#/jobs')
  await page.getByRole('link', { name: /^photo running/ }).click()
  await page.locator('.graph .task').first().waitFor()
  equal('thirteen boxes', await page.locator('.graph .task').count(), 13)
  const colour = (label) =>
    page
      .locator(`.graph .task[aria-label^="${label},"] .stripe`)
      .evaluate((element) => getComputedStyle(element).fill)
  check(
    'a hit has another colour than a run',
    (await colour('face')) !== (await colour('big')),
  )
  await page.locator('.graph .task[aria-label^="face,"]').click()
  const image = page.locator('.task-panel section:first-of-type img.picture')
  await image.waitFor()
  check(
    'a picture is shown as one',
    await image.evaluate(
      (element) =>
        element.complete &&
        element.naturalWidth > 0 &&
        element.src.startsWith('blob:'),
    ),
  )
  equal('its arguments', await page.locator('.inputs > li').count(), 5)
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('known by its recipe').waitFor()
  await page.getByRole('button', { name: 'Receipt' }).click()
  await page.getByText('Holds', { exact: true }).waitFor()
  await picture(page, 'task')
})
await test('it moves on live', async () => {
  finish(mock, jobs.photo, 9, 12, { start: Date.now() })
  await until(
    page,
    () =>
      document.querySelector('.task[aria-label^="sheet,"]').dataset.state ===
      'ran',
  )
})
await test('a node that goes away and comes back is followed from where it was', async () => {
  const port = mock.port
  await mock.goAway()
  await page.locator('#link').getByText('does not answer').waitFor()
  const seen = mock.jobs.get(jobs.photo).events.length
  finish(mock, jobs.photo, 12, 13, { start: Date.now() })
  mock.tell(jobs.photo, { kind: 'succeeded' })
  Object.assign(mock.jobs.get(jobs.photo).job, {
    outputs: { sheet: { ok: true, result: { '/': cid('result sheet') } } },
  })
  await mock.listen(port)
  await page.locator('.job-head .chip').getByText('succeeded').waitFor()
  equal(
    'it asked for what is behind the last event',
    Number(mock.lastEventId),
    seen,
  )
  await page.locator('#link').waitFor({ state: 'hidden' })
  await page.getByRole('tab', { name: 'Results' }).click()
  await page.locator('.results img.picture').waitFor()
})
await test('a job is suspended, resumed, cancelled, retried, forked', async () => {
  await at(page, job('primes', '/graph?task=sum-0-1'))
  await page.getByRole('button', { name: 'Suspend' }).click()
  await page.getByRole('button', { name: 'Cut them now' }).click()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Cancel the job' }).click()
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('queued', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Run again from here' }).click()
  await page.getByText('A new job runs again from sum-0-1').waitFor()
  equal(
    'what the node was told',
    mock.posts
      .filter(({ path }) => path.startsWith('/v1/jobs/'))
      .map(({ path, body }) => `${path.split('/').at(-1)} ${body}`),
    [
      'suspend {"now":true}',
      'resume {}',
      'cancel {}',
      'retry {}',
      'fork {"from":["sum-0-1"]}',
    ],
  )
})
await test('a thousand tasks: a map, a time line, a table of those in sight', async () => {
  await at(page, job('primes'))
  const canvas = page.locator('canvas.map')
  await canvas.waitFor()
  await canvas.focus()
  await page.keyboard.press('End')
  await page.locator('.stage .tip').getByText('primes: ').waitFor()
  await page.keyboard.press('Enter')
  await page.locator('.task-panel h2').getByText('primes').waitFor()
  await page.getByRole('tab', { name: 'Time line' }).click()
  await page.locator('.timeline canvas').waitFor()
  await page.getByRole('tab', { name: 'Tasks' }).click()
  await page.locator('.rows .row').first().waitFor()
  check(
    'rows out of sight do not exist',
    (await page.locator('.rows .row').count()) < 60,
  )
  await page.getByLabel('Find a task').fill('sum-7')
  await until(page, () => document.querySelectorAll('.rows .row').length === 2)
  await page.locator('.rows .row').first().focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.locator('.task-panel h2').getByText('sum-7-1').waitFor()
})

// --- By keyboard ------------------------------------------------------------------

await test('the keyboard goes everywhere', async () => {
  await at(page, '#/node')
  await at(page, '#/jobs')
  await page.waitForSelector('.job-row')
  await page.reload()
  await page.waitForSelector('.job-row')
  await page.keyboard.press('Tab')
  equal(
    'first the skip link',
    await page.evaluate(() => document.activeElement.textContent),
    'Skip to content',
  )
  await page.keyboard.press('Enter')
  equal(
    'which leads to the content',
    await page.evaluate(() => document.activeElement.id),
    'main',
  )
  equal('and stays on the page', new URL(page.url()).hash, '#/jobs')
  await page.locator('.job-row').first().focus()
  await page.keyboard.press('End')
  await page.keyboard.press('ArrowUp')
  equal(
    'arrow keys in the list',
    await page.evaluate(
      () => document.activeElement.querySelector('b').textContent,
    ),
    'photo at night',
  )
  check(
    'the focus is seen',
    (await page.evaluate(
      () => getComputedStyle(document.activeElement).outlineStyle,
    )) === 'solid',
  )
  await page.keyboard.press('Enter')
  await page.locator('.graph .task').first().waitFor()
  await page.locator('.graph .task[tabindex="0"]').focus()
  await page.keyboard.press('ArrowRight')
  equal(
    'arrow keys in the graph',
    await page.evaluate(
      () => document.activeElement.getAttribute('aria-label').split(',')[0],
    ),
    'small',
  )
  await page.keyboard.press('Enter')
  await until(
    page,
    () =>
      document.activeElement.closest('.task-panel h2')?.textContent === 'small',
  )
  await page.getByRole('tab', { name: 'Graph' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('Enter')
  await page.locator('.timeline').waitFor()
})

// --- Content, calls, files ----------------------------------------------------------

await test('content: a value with links to follow', async () => {
  await at(page, '#/content')
  await page.getByLabel('CID, or CID and path').fill(`/ipfs/${cid('comp')}`)
  await page.keyboard.press('Enter')
  await page.getByText('computation').first().waitFor()
  await page
    .locator('.tree a.cid', { hasText: cid('fileface') })
    .first()
    .click()
  await page.locator('.content img.picture').waitFor()
  await at(page, '#/content/bafynothere')
  await page.getByText('That is not on this node').waitFor()
})
await test('a call by a form made from types', async () => {
  await at(page, `#/call/${cid('image')}?function=shape`)
  await page.locator('select[aria-label="kind"]').selectOption('square')
  await page.getByLabel('give fill').check()
  await page.getByLabel('fill', { exact: true }).fill('red')
  await page.getByLabel('x', { exact: true }).fill('1.5')
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await page.getByRole('alert').getByText('y: a number is needed').waitFor()
  await page.getByLabel('y', { exact: true }).fill('-2')
  await page.getByRole('button', { name: 'Add one' }).click()
  await page.getByLabel('tags 0').fill(hostile)
  await picture(page, 'call')
  await page.getByRole('button', { name: 'Call', exact: true }).click()
  await page.waitForURL(/#\/job\//)
  equal('the words', JSON.parse(mock.posts.at(-1).body).words, [
    'square',
    'red',
    '{"x":1.5,"y":-2}',
    JSON.stringify([hostile]),
    'false',
  ])
})
await test('dropped files are added, a manifest runs', async () => {
  const drop = (files) =>
    page.evaluate((list) => {
      const data = new DataTransfer()
      for (const [name, text] of list) data.items.add(new File([text], name))
      dispatchEvent(
        new DragEvent('dragenter', { dataTransfer: data, bubbles: true }),
      )
      const seen = !document.getElementById('drop').hidden
      dispatchEvent(
        new DragEvent('drop', {
          dataTransfer: data,
          bubbles: true,
          cancelable: true,
        }),
      )
      return seen
    }, files)
  check('the page says where to drop', await drop([['words.txt', 'hello']]))
  await page.waitForURL(/#\/content\//)
  await page.locator('pre.words').getByText('hello').waitFor()
  mock.posts.length = 0
  await drop([
    ['m.yaml', 'ipvm: "1.0"\ntasks:\n  a: {run: ./x.wasm#f, args: []}\n'],
    ['x.wasm', '\0asm'],
  ])
  await page.waitForURL(/#\/job\//)
  equal(
    'the file first, then the manifest with its CID',
    mock.posts.map(
      ({ path, body }) => `${path} ${/run: (\w+)/.exec(body)?.[1] ?? ''}`,
    ),
    ['/v1/files ', `/v1/jobs ${cid('upload x.wasm')}`],
  )
})
await test('the parts without pages', () => parts(page))

// --- Harm -------------------------------------------------------------------------

await test('nothing a guest says becomes more than text', async () => {
  for (const where of [
    '#/jobs',
    ...[
      '',
      '/time',
      '/tasks',
      '/log',
      '/result',
      '/graph?task=svg',
      '/graph?task=html',
      '/graph?task=object',
      '/graph?task=mail',
      '/graph?task=__proto__',
    ].map((rest) => job('evil', rest)),
    `#/content/${cid('evil svg')}`,
    `#/content/${cid('result object')}`,
  ]) {
    await at(page, where)
    await page.waitForTimeout(100)
    const harm = await page.evaluate(() => [
      window.pwned ?? null,
      document.querySelectorAll(
        'main script, main iframe, main [onerror], main [onload], main object, main embed',
      ).length,
      [...document.querySelectorAll('main a[href]')].filter(
        (link) => link.protocol !== 'http:',
      ).length,
    ])
    equal(`no harm on ${where.replace(/bafy\w+/, '…')}`, harm, [null, 0, 0])
  }
  await at(page, job('evil', '/graph?task=svg'))
  await page.locator('.task-panel pre').getByText(hostileResults.svg).waitFor()
  await at(page, job('evil', '/log'))
  await page.locator('.log .what').getByText(hostile).first().waitFor()
  check(
    'hostile lines are there, as text',
    (await page.locator('.log .what').allTextContents()).includes(hostile),
  )
  await picture(page, 'hostile')
})

// --- As it looks ---------------------------------------------------------------------

const pages = {
  jobs: '#/jobs',
  graph: job('failed', '/graph?task=dream'),
  map: job('primes'),
  time: job('photo', '/time'),
  tasks: job('photo', '/tasks'),
  log: job('photo', '/log'),
  results: job('photo', '/result'),
  node: '#/node',
  content: `#/content/${cid('comp')}`,
  'call-form': `#/call/${cid('image')}`,
}
for (const window of WINDOWS) {
  await test(`pages fit: ${window.name}`, async () => {
    const one = await openPage(browser, window)
    await signIn(one.page)
    for (const [name, where] of Object.entries(pages)) {
      await at(one.page, where)
      await one.page.waitForFunction(
        () => !document.querySelector('main .busy'),
      )
      check(`${name} fits the ${window.name} window`, await isWithin(one.page))
      const { other } = await dots(one.page)
      check(`${name} is not blank`, other > 0.02, `${other}`)
      await picture(one.page, `${window.name}-${name}`)
    }
    await at(one.page, job('primes'))
    await one.page.locator('canvas.map').waitFor()
    const seen = await dots(one.page, ['hit', 'ran', 'waiting'])
    check(
      'hits, runs and what waits are seen apart',
      seen.hit > 500 && seen.ran > 500 && seen.waiting + seen.hit > 1000,
      JSON.stringify(seen),
    )
    const small = await one.page.evaluate(
      () =>
        [...document.querySelectorAll('button, a, input, select')].filter(
          (element) =>
            element.checkVisibility() &&
            !element.getAttribute('aria-label') &&
            !element.textContent.trim() &&
            !element.title,
        ).length,
    )
    equal('everything that can be pressed has a name', small, 0)
    equal('no complaints', one.complaints, [])
    await one.context.close()
  })
}
equal('no complaints from the browser', complaints, [])

await browser.close()
mock.server.closeAllConnections()
mock.server.close()
process.exit(failures() > 0 ? 1 : 0)

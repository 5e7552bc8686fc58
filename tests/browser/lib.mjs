// SPDX-License-Identifier: Apache-2.0
// lib.mjs - what the tests of the dashboard share: a browser, checks, pictures.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const WINDOWS = [
  {
    name: 'wide',
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
  },
  {
    name: 'phone',
    viewport: { width: 390, height: 844 },
    colorScheme: 'dark',
    hasTouch: true,
    isMobile: true,
  },
]
const PATIENCE_MS = 10000

let failed = 0
export const failures = () => failed

// One line each, as the scripts of tests/e2e count them.
export function check(what, holds, more = '') {
  if (!holds) failed++
  console.log(
    `${holds ? 'ok' : 'not ok'} - ${what}${holds || more === '' ? '' : `\n  ${more}`}`,
  )
}

export function equal(what, got, wanted) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)]
  check(what, a === b, `it is ${a}, expected ${b}`)
}

// Runs one test; whatever it throws is its failure.
export async function test(what, body) {
  const before = failed
  const start = performance.now()
  try {
    await body()
  } catch (error) {
    check(
      what,
      false,
      String(error.message).split('\n').slice(0, 6).join('\n  '),
    )
    return
  }
  if (process.env.IPVM_TIMES)
    console.log(`  ${Math.round(performance.now() - start)} ms: ${what}`)
  if (failed === before) check(what, true)
}

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.IPVM_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
}

// A page in a window of its own, with everything it complains of.
export async function openPage(browser, window = WINDOWS[0]) {
  const { name, ...options } = window
  const context = await browser.newContext({
    ...options,
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)))
  page.on('console', (message) => {
    const text = message.text()
    // What is not there is part of some tests; a refused policy never is.
    if (
      message.type() === 'error' &&
      !/Failed to load resource|ERR_/.test(text)
    )
      complaints.push(text)
  })
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    if (!['blob:', 'data:'].includes(protocol) && hostname !== '127.0.0.1')
      complaints.push(`outside: ${request.url()}`)
  })
  return { context, page, complaints }
}

// Waits until an expression holds in the page.
export const until = (page, text, argument) =>
  page.waitForFunction(text, argument, { timeout: PATIENCE_MS })

// A picture to look at, where IPVM_PICTURES names a directory.
export async function picture(page, name) {
  const directory = process.env.IPVM_PICTURES
  if (!directory) return
  mkdirSync(directory, { recursive: true })
  await page.screenshot({ path: join(directory, `${name}.png`) })
}

// What is on the screen, by the dots of a screenshot: how many have the colour
// of each of the style sheet's `names`, and how many another one than the page.
export async function dots(page, names = []) {
  const png = (await page.screenshot()).toString('base64')
  return page.evaluate(
    async ([text, wanted]) => {
      const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
      const image = await createImageBitmap(new Blob([bytes]))
      const { width, height } = image
      const paper = new OffscreenCanvas(width, height).getContext('2d')
      const style = getComputedStyle(document.body)
      const numberOf = ([red, green, blue]) => (red << 16) | (green << 8) | blue
      const numbers = ['back', ...wanted].map((name) => {
        paper.fillStyle = style.getPropertyValue(`--${name}`)
        paper.fillRect(0, 0, 1, 1)
        return numberOf(paper.getImageData(0, 0, 1, 1).data)
      })
      paper.drawImage(image, 0, 0)
      const { data } = paper.getImageData(0, 0, width, height)
      const counts = new Map(numbers.map((number) => [number, 0]))
      for (let at = 0; at < data.length; at += 4) {
        const number = numberOf([data[at], data[at + 1], data[at + 2]])
        if (counts.has(number)) counts.set(number, counts.get(number) + 1)
      }
      const [back, ...others] = numbers.map((number) => counts.get(number))
      const all = data.length / 4
      const named = wanted.map((name, at) => [name, others[at]])
      return { ...Object.fromEntries(named), other: (all - back) / all }
    },
    [png, names],
  )
}

// Nothing is wider than the window, and no text lies on other text's buttons.
export const isWithin = (page) =>
  page.evaluate(
    () =>
      document.documentElement.scrollWidth <=
      document.documentElement.clientWidth,
  )

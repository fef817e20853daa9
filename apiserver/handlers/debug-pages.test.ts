import { expect, test } from 'vitest'
import { debugPage } from './debug-pages.ts'

const facts = { flags: { b: ['x', 'y'], a: true, c: '' }, startedMs: 0, nowMs: 3_725_000 }
const at = (path: string, method = 'GET') => debugPage(path, method, facts)

test('debugPage() shows flags sorted, lists in brackets', () => {
  expect(at('/flagz')?.body).toMatch(/apiserver flagz\nWarning.*\na:true\nb:\[x,y\]\nc:\n$/)
})

test('debugPage() says since when the server runs', () => {
  const body = at('/statusz')?.body
  expect(body).toContain('Started= Thu, 01 Jan 1970 00:00:00 GMT')
  expect(body).toContain('Up= 1 hr 02 min 05 sec')
})

test('debugPage() tells what the runtime knows, and says what it does not', () => {
  expect(at('/debug/pprof')).toMatchObject({ status: 302, location: '/debug/pprof/' })
  expect(at('/debug/pprof/')?.body).toContain("<a href='heap?debug=1'>heap</a>")
  expect(at('/debug/pprof/heap')?.body).toMatch(/old_space: \d+ of \d+ bytes/)
  expect(at('/debug/pprof/goroutine')).toMatchObject({ status: 501 })
  expect(at('/debug/pprof/bogus')).toMatchObject({ status: 404, body: 'Unknown profile\n' })
  expect(at('/debug/pprof/constructor')).toMatchObject({ status: 404 })
})

test('debugPage() refuses to change the verbosity', () => {
  expect(at('/debug/flags/v')).toMatchObject({ status: 406, body: 'unsupported http method\n' })
  expect(at('/debug/flags/v', 'PUT')).toMatchObject({ status: 501 })
})

test('debugPage() knows no other paths', () => {
  expect(at('/debug')).toBeUndefined()
  expect(at('/debug/other')).toBeUndefined()
})

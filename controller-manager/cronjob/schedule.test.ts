import { expect, test } from 'vitest'
import { isTimeZone, nextTime, parseSchedule } from './schedule.ts'

function next(text: string, after: string, zone?: string): string | undefined {
  const parsed = parseSchedule(text)
  if (parsed === undefined) throw new Error(`cannot read ${text}`)
  const at = nextTime(parsed.schedule, Date.parse(after), zone ?? parsed.zone)
  return at === undefined ? undefined : new Date(at).toISOString().replace('.000', '')
}

test.each([
  ['*/1 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
  ['*/15 * * * *', '2026-01-01T00:46:10Z', '2026-01-01T01:00:00Z'],
  ['30 3 * * *', '2026-01-01T03:30:00Z', '2026-01-02T03:30:00Z'],
  ['0 0 1 1 *', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['0 12 * * mon-fri', '2026-01-02T13:00:00Z', '2026-01-05T12:00:00Z'],
  ['0 0 13 * fri', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
  ['0 0 29 feb *', '2026-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['5,10-20/5 * * * ?', '2026-01-01T00:11:00Z', '2026-01-01T00:15:00Z'],
  ['@hourly', '2026-01-01T00:30:00Z', '2026-01-01T01:00:00Z'],
  ['@every 1h30m', '2026-01-01T00:30:00Z', '2026-01-01T02:00:00Z'],
  ['TZ=Asia/Tokyo 0 9 * * *', '2026-01-01T01:00:00Z', '2026-01-02T00:00:00Z'],
])('nextTime() of %s after %s is %s', (text, after, expected) => {
  expect(next(text, after)).toBe(expected)
})

test('nextTime() follows the wall of a zone through summer time', () => {
  expect(next('30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-30T00:30:00Z')
  expect(next('0 12 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T10:00:00Z')
  expect(next('30 9 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata')).toBe('2026-01-01T04:00:00Z')
})

test('nextTime() of a day that never comes is undefined', () => {
  expect(next('0 0 30 2 *', '2026-01-01T00:00:00Z')).toBeUndefined()
})

test.each(['', '* * * *', '61-x * * * *', '*/0 * * * *', '@every 0s'])('parseSchedule() cannot read %j', (text) => {
  expect(parseSchedule(text)).toBeUndefined()
})

test('isTimeZone() knows real ones only', () => {
  expect([isTimeZone('Europe/Berlin'), isTimeZone('Mars/Base')]).toEqual([true, false])
})

import { expect, test } from 'vitest'
import { Sightings } from './membership.ts'

const alive = (sightings: Sightings, nowMs: number): readonly string[] | 'stale' => {
  const view = sightings.view(nowMs)
  return view.type === 'stale' ? 'stale' : [...view.alive].toSorted()
}

test('Sightings believe nothing before their own Lease is seen', () => {
  const sightings = new Sightings('me', 1_000)
  sightings.saw('you', 0)
  expect(alive(sightings, 0)).toBe('stale')
  sightings.saw('me', 0)
  expect(alive(sightings, 0)).toEqual(['me', 'you'])
})

test('Sightings let go of who is silent for longer than the duration, and of who leaves', () => {
  const sightings = new Sightings('me', 1_000)
  for (const name of ['me', 'silent', 'left']) sightings.saw(name, 0)
  sightings.left('left')
  sightings.saw('me', 900)
  expect(alive(sightings, 1_000)).toEqual(['me', 'silent'])
  expect(alive(sightings, 1_001)).toEqual(['me'])
  sightings.saw('silent', 1_100)
  expect(alive(sightings, 1_200)).toEqual(['me', 'silent'])
})

test('Sightings that see nothing at all keep what was believed, and then give everybody a whole duration', () => {
  const sightings = new Sightings('me', 1_000)
  for (const name of ['me', 'you']) sightings.saw(name, 0)
  expect(alive(sightings, 5_000)).toBe('stale')
  sightings.saw('me', 5_000)
  expect(alive(sightings, 5_900)).toEqual(['me', 'you'])
  sightings.saw('me', 5_900)
  expect(alive(sightings, 6_001)).toEqual(['me'])
})

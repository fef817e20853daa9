import { expect, test } from 'vitest'
import { checkHistory } from './checker.ts'
import type { Change, Item, Read, RunHistory, State, Step, Write } from './history.ts'

const state = (token: string, more: Partial<State> = {}): State => ({
  token,
  uid: 'u1',
  group: 'a',
  fields: {},
  ...more,
})
const put = (revision: number, key: string, token: string, more: Partial<State> = {}): Change => ({
  revision,
  key,
  state: state(token, more),
})
const removal = (revision: number, key: string): Change => ({ revision, key, state: undefined })

/** r/a is created, changed, leaves group a, is removed and made anew; r/b stays. */
const changes: readonly Change[] = [
  put(10, 'r/a', 't10'),
  put(11, 'r/b', 't11', { uid: 'u2', group: 'b' }),
  put(12, 'r/a', 't12', { fields: { x: '1' } }),
  put(14, 'r/a', 't14', { group: 'b', fields: { x: '2' } }),
  removal(15, 'r/a'),
  put(17, 'r/a', 't17', { uid: 'u3' }),
]
const write = (more: Partial<Write>): Write => ({
  verb: 'patch',
  key: 'r/a',
  token: 't12',
  outcome: 'acknowledged',
  code: 200,
  revision: 12,
  started: 20,
  ended: 21,
  ...more,
})
const event = (
  type: 'ADDED' | 'MODIFIED' | 'DELETED',
  at: number,
  revision: number,
  key: string,
  token: string,
): Step => ({
  type,
  at,
  revision,
  key,
  token,
})
const item = (key: string, revision: number, token: string): Item => ({ key, revision, token })

/** The rules that a history breaks. */
function broken(history: Partial<RunHistory>): readonly string[] {
  const violations = checkHistory({ changes, writes: [], reads: [], watches: [], ...history })
  return violations.map(({ rule }) => rule)
}
const brokenByWrites = (...writes: readonly Write[]): readonly string[] => broken({ writes })
const brokenByReads = (...reads: readonly Read[]): readonly string[] => broken({ reads })
const brokenByWatch = (steps: readonly Step[], group?: string): readonly string[] =>
  broken({ watches: [{ name: 'w', scope: { resource: 'r', ...(group === undefined ? {} : { group }) }, steps }] })

const all: readonly Step[] = [
  { type: 'state', at: 1, revision: 9, items: [] },
  event('ADDED', 2, 10, 'r/a', 't10'),
  event('ADDED', 3, 11, 'r/b', 't11'),
  event('MODIFIED', 4, 12, 'r/a', 't12'),
  { type: 'bookmark', at: 5, revision: 13 },
  event('MODIFIED', 6, 14, 'r/a', 't14'),
  event('DELETED', 7, 15, 'r/a', 't14'),
  event('ADDED', 8, 17, 'r/a', 't17'),
  { type: 'end', at: 9, revision: 17 },
]
const without = (at: number): readonly Step[] => all.filter((_, index) => index !== at)

test('checkHistory() finds nothing in a good run', () => {
  expect(
    broken({
      writes: [
        write({ verb: 'create', token: 't10', revision: 10, started: 1, ended: 2 }),
        write({ sets: { x: '1' }, started: 3, ended: 4 }),
        write({ verb: 'update', token: 't14', revision: 14, precondition: 12, started: 5, ended: 6 }),
        write({ verb: 'update', token: 'no', outcome: 'refused', code: 409, precondition: 12, started: 7, ended: 8 }),
        write({ verb: 'delete', token: 'd', uids: ['u1'], started: 9, ended: 10 }),
        write({ token: 'perhaps', outcome: 'unknown', code: 0, started: 11, ended: 12 }),
        write({ token: 't17', outcome: 'unknown', code: 0, started: 11, ended: 12 }),
      ],
      reads: [
        { type: 'get', key: 'r/a', found: undefined, started: 8, ended: 13 },
        {
          type: 'list',
          scope: { resource: 'r' },
          revision: 15,
          items: [item('r/b', 11, 't11')],
          started: 8,
          ended: 13,
        },
      ],
      watches: [{ name: 'w', scope: { resource: 'r' }, steps: all }],
    }),
  ).toEqual([])
})

test.each<[string, Partial<Write>, string]>([
  ['an acknowledged write that is not in the store', { token: 'lost', revision: 13 }, 'acknowledged write lost'],
  ['an acknowledged write that has become another', { token: 'lost' }, 'acknowledged write lost'],
  ['an acknowledged deletion of what is still there', { verb: 'delete', uids: ['u2'] }, 'acknowledged deletion lost'],
  ['a refused write that happened', { outcome: 'refused', code: 422 }, 'refused write happened'],
  ['an update that replaced more than it knew', { precondition: 11 }, 'update lost'],
  ['a creation over an object', { verb: 'create' }, 'created over an object'],
  ['a patch that lost a field', { token: 't14', revision: 14, sets: { y: '1' } }, 'patch not on the last state'],
])('checkHistory() finds %s', (_, more, rule) => {
  expect(brokenByWrites(write(more))).toEqual([rule])
})

test('checkHistory() finds a write that got a lower revision than was known before', () => {
  const first = write({ token: 't14', revision: 14, started: 1, ended: 2 })
  expect(brokenByWrites(first, write({ started: 3, ended: 4 }))).toEqual(['resourceVersion went back'])
  expect(brokenByWrites(first, write({ started: 1, ended: 4 }))).toEqual([])
})

test.each<[string, Partial<Write>]>([
  ['not found', { verb: 'patch', code: 404 }],
  ['a conflict', { verb: 'update', code: 409, precondition: 17 }],
])('checkHistory() finds %s that was no longer true', (_, more) => {
  const known = write({ token: 't17', revision: 17, started: 1, ended: 2 })
  const refused = write({ token: 'no', outcome: 'refused', ...more })
  expect(brokenByWrites(known, refused)).toEqual(['refused on a stale state'])
})

test('checkHistory() finds "already exists" of an object that was known to be gone', () => {
  const gone = write({ verb: 'delete', token: 'd', uids: ['u1'], started: 1, ended: 2 })
  const refused = write({ verb: 'create', token: 'no', outcome: 'refused', code: 409 })
  const until = changes.filter(({ revision }) => revision < 17)
  expect(broken({ changes: until, writes: [gone, refused] })).toEqual(['refused on a stale state'])
})

test('checkHistory() finds a write that happened twice and an object that came back', () => {
  expect(broken({ changes: [...changes, put(18, 'r/a', 't17', { uid: 'u3' })] })).toEqual(['written twice'])
  expect(broken({ changes: [...changes, put(18, 'r/a', 't18')] })).toEqual(['deleted object returned'])
})

test('checkHistory() finds reads of what was replaced before they were asked for', () => {
  const known = write({ started: 1, ended: 2 })
  const read = (found: Item | undefined, started: number): Read => ({
    type: 'get',
    key: 'r/a',
    found,
    started,
    ended: 9,
  })
  expect(broken({ writes: [known], reads: [read(item('r/a', 10, 't10'), 3)] })).toEqual(['stale read'])
  expect(broken({ writes: [known], reads: [read(item('r/a', 10, 't10'), 1)] })).toEqual([])
  expect(broken({ writes: [known], reads: [read(item('r/a', 14, 't14'), 3)] })).toEqual([])
  expect(brokenByReads(read(item('r/a', 13, 't13'), 3))).toEqual(['stale read'])
  const late: readonly Step[] = [
    { type: 'state', at: 1, revision: 17, items: [item('r/a', 17, 't17'), item('r/b', 11, 't11')] },
  ]
  const watches = [{ name: 'w', scope: { resource: 'r' }, steps: late }]
  expect(broken({ watches, reads: [read(undefined, 3)] })).toEqual(['stale read'])
})

test.each<[string, number, readonly Item[], readonly string[]]>([
  ['all of it', 14, [item('r/b', 11, 't11'), item('r/a', 14, 't14')], []],
  ['an old object', 14, [item('r/a', 12, 't12'), item('r/b', 11, 't11')], ['list is no snapshot']],
  ['an object too few', 14, [item('r/b', 11, 't11')], ['list is no snapshot']],
  ['an object too many', 15, [item('r/a', 14, 't14'), item('r/b', 11, 't11')], ['list is no snapshot']],
  ['an old state', 11, [item('r/a', 10, 't10'), item('r/b', 11, 't11')], ['stale read']],
])('checkHistory() compares lists with the state at their revision: %s', (_, revision, items, rules) => {
  const known = write({ started: 1, ended: 2 })
  const list: Read = { type: 'list', scope: { resource: 'r' }, revision, items, started: 3, ended: 4 }
  expect(broken({ writes: [known], reads: [list] })).toEqual(rules)
})

test.each([1, 2, 3, 5, 6, 7])('checkHistory() finds that event %i of a watch is missing', (at) => {
  expect(brokenByWatch(without(at))).toEqual(['event missed'])
})

test.each<[string, readonly Step[], string]>([
  [
    'comes twice',
    [...all.slice(0, 3), event('ADDED', 3, 11, 'r/b', 't11'), ...all.slice(3)],
    'event doubled or out of order',
  ],
  [
    'comes after a later one',
    [...all.slice(0, 1), event('ADDED', 2, 11, 'r/b', 't11'), event('ADDED', 3, 10, 'r/a', 't10'), ...all.slice(3)],
    'event missed',
  ],
  ['never happened', [...all.slice(0, 4), event('MODIFIED', 5, 13, 'r/a', 't13'), ...all.slice(4)], 'event of nothing'],
  ['is of another kind', [...all.slice(0, 1), event('MODIFIED', 2, 10, 'r/a', 't10'), ...all.slice(2)], 'wrong event'],
  ['has another content', [...all.slice(0, 1), event('ADDED', 2, 10, 'r/a', 't0'), ...all.slice(2)], 'wrong event'],
  [
    'is behind a bookmark',
    [...all.slice(0, 2), { type: 'bookmark', at: 3, revision: 11 }, ...all.slice(2)],
    'event missed',
  ],
])('checkHistory() finds that an event %s', (_, steps, rule) => {
  expect(brokenByWatch(steps)).toEqual([rule])
})

test('checkHistory() finds bookmarks and new states that go back', () => {
  const bookmark: Step = { type: 'bookmark', at: 7, revision: 12 }
  expect(brokenByWatch([...all.slice(0, 6), bookmark])).toEqual(['resourceVersion went back'])
  const again: Step = { type: 'state', at: 7, revision: 11, items: [item('r/a', 10, 't10'), item('r/b', 11, 't11')] }
  expect(brokenByWatch([...all.slice(0, 6), again])).toEqual(['resourceVersion went back'])
})

test('checkHistory() lets a watch leave out what a new state holds', () => {
  const anew: Step = { type: 'state', at: 4, revision: 15, items: [item('r/b', 11, 't11')] }
  expect(brokenByWatch([...all.slice(0, 3), anew, ...all.slice(7)])).toEqual([])
})

test('checkHistory() knows what a selector makes of changes', () => {
  const selected: readonly Step[] = [
    { type: 'state', at: 1, revision: 9, items: [] },
    event('ADDED', 2, 10, 'r/a', 't10'),
    event('MODIFIED', 4, 12, 'r/a', 't12'),
    event('DELETED', 6, 14, 'r/a', 't12'),
    event('ADDED', 8, 17, 'r/a', 't17'),
    { type: 'end', at: 9, revision: 17 },
  ]
  expect(brokenByWatch(selected, 'a')).toEqual([])
  expect(brokenByWatch(selected.toSpliced(3, 1), 'a')).toEqual(['event missed'])
  expect(brokenByWatch(all, 'a')).not.toEqual([])
})

import { expect, test } from 'vitest'
import { checkEvictionOptions, evictionOptions } from './eviction-options.ts'

test('checkEvictionOptions() refuses dry runs that differ between query and body', () => {
  const check = (dryRun: readonly string[], asked: readonly string[]) => () =>
    checkEvictionOptions('a', { dryRun }, asked)
  expect(check(['All'], ['All'])).not.toThrow()
  expect(check([], ['All'])).not.toThrow()
  expect(check(['All'], [])).not.toThrow()
  expect(check(['All', 'All'], ['All'])).toThrow(
    'Non-matching dry-run options in request and content: [All] and [All All]',
  )
})

test('checkEvictionOptions() refuses to lose an object that cannot be read', () => {
  const field = 'ignoreStoreReadErrorWithClusterBreakingPotential'
  expect(() => checkEvictionOptions('a', { [field]: true }, [])).toThrow(
    `Eviction.policy "a" is invalid: deleteOptions.${field}: Invalid value: true: can not be set for pod eviction, try after removing the option`,
  )
  expect(() => checkEvictionOptions('a', { [field]: false }, [])).not.toThrow()
})

test('evictionOptions() hands on what the deletion understands', () => {
  const given = { gracePeriodSeconds: 5, propagationPolicy: 'Orphan', preconditions: { uid: 'u', x: 1 }, kind: 'X' }
  expect(evictionOptions(given, false)).toEqual({
    gracePeriodSeconds: 5,
    propagationPolicy: 'Orphan',
    preconditions: { uid: 'u' },
    dryRun: false,
  })
  expect(evictionOptions({ dryRun: ['All'] }, false).dryRun).toBe(true)
})

test('evictionOptions() refuses values that do not exist', () => {
  expect(() => evictionOptions({ propagationPolicy: 'Bad' }, false)).toThrow(
    'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Bad": supported values: "Foreground", "Background", "Orphan", "nil"',
  )
  expect(() => evictionOptions({ dryRun: ['x'] }, false)).toThrow(
    'dryRun: Unsupported value: ["x"]: supported values: "All"',
  )
})

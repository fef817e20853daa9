import { expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { flags, parseConfig } from './config.ts'

function parse(argv: readonly string[], file?: object) {
  const { values, given } = parseFlags(flags, argv)
  const typed =
    file === undefined
      ? undefined
      : { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration', ...file }
  return parseConfig(values, given, typed)
}

test('parseConfig() has the defaults of upstream', () => {
  const config = parse([])
  expect(config).toMatchObject({
    securePort: 10259,
    leaderElection: { leaderElect: true, leaseDurationMs: 15_000, resourceName: 'kube-scheduler' },
    podInitialBackoffMs: 1_000,
    podMaxBackoffMs: 10_000,
  })
  expect(config.profiles.map(({ schedulerName }) => schedulerName)).toEqual(['default-scheduler'])
})

test('parseConfig() disables, enables and weighs plugins', () => {
  const [profile] = parse([], {
    profiles: [
      {
        schedulerName: 'mine',
        plugins: {
          multiPoint: { disabled: [{ name: 'ImageLocality' }], enabled: [{ name: 'NodeAffinity', weight: 7 }] },
          filter: { disabled: [{ name: 'TaintToleration' }] },
          score: {
            disabled: [{ name: '*' }],
            enabled: [{ name: 'NodeResourcesFit', weight: 5 }, { name: 'NodeAffinity' }],
          },
          postFilter: { disabled: [{ name: 'DefaultPreemption' }] },
        },
      },
    ],
  }).profiles
  expect(profile?.schedulerName).toBe('mine')
  expect(profile?.isPreempting).toBe(false)
  expect(profile?.filters.map(({ name }) => name)).not.toContain('TaintToleration')
  expect(profile?.filters.map(({ name }) => name)).toContain('NodeAffinity')
  expect(profile?.scores.map(({ plugin, weight }) => [plugin.name, weight])).toEqual([
    ['NodeResourcesFit', 5],
    ['NodeAffinity', 2],
  ])
})

test.each([
  [
    'a plugin that does not exist',
    { profiles: [{ plugins: { filter: { enabled: [{ name: 'X' }] } } }] },
    'plugin "X" does not exist',
  ],
  [
    'two profiles of one name',
    { profiles: [{}, {}] },
    'profiles[1].schedulerName: Duplicate value: "default-scheduler"',
  ],
  [
    'another version',
    { apiVersion: 'kubescheduler.config.k8s.io/v1beta3' },
    'no kind "KubeSchedulerConfiguration" is registered',
  ],
  ['an unknown field', { profile: [] }, 'unknown field "profile"'],
  ['a percentage above 100', { percentageOfNodesToScore: 101 }, 'not in valid range [0-100]'],
  ['a backoff that shrinks', { podInitialBackoffSeconds: 20 }, 'podMaxBackoffSeconds'],
  ['extenders', { extenders: [{}] }, 'extenders are not supported'],
])('parseConfig() refuses %s', (_rule, file, message) => {
  expect(() => parse([], file)).toThrow(message)
})

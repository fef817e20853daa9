import { describe, expect, test } from 'vitest'
import { pluginNameProblems } from './names.ts'

describe('pluginNameProblems()', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[], readonly string[]])[] = [
    ['accepts names of plugins that run', ['NodeRestriction', 'LimitRanger'], ['PodSecurity'], []],
    ['accepts turning off what is not there', [], ['AlwaysPullImages'], []],
    [
      'refuses unknown names',
      ['Nope'],
      ['Neither'],
      ['enable-admission-plugins plugin "Nope" is unknown', 'disable-admission-plugins plugin "Neither" is unknown'],
    ],
    [
      'refuses what would not run',
      ['EventRateLimit'],
      [],
      ['enable-admission-plugins plugin "EventRateLimit" is not supported by this server'],
    ],
    [
      'refuses on and off at once',
      ['Priority', 'LimitRanger'],
      ['Priority', 'LimitRanger'],
      ['[LimitRanger Priority] in enable-admission-plugins and disable-admission-plugins overlapped'],
    ],
  ]
  test.each(cases)('%s', (_, enabled, disabled, problems) => {
    expect(pluginNameProblems(enabled, disabled)).toEqual(problems)
  })
})

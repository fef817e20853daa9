import { describe, expect, it } from 'vitest'
import { parseRequestInfo } from '../http/request-info.ts'
import { createAbacPlugin, parseAbacPolicies } from './abac.ts'

const versioned = (spec: object): string =>
  JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec })
const jane = { name: 'jane', groups: ['devs', 'system:authenticated'] }

function decide(line: string, method: string, url: string): string {
  const plugin = createAbacPlugin(parseAbacPolicies(line, 'policy.jsonl'))
  const decision = plugin.authorize({ user: jane, info: parseRequestInfo(method, url) })
  return decision instanceof Promise ? 'late' : decision.type
}

describe('createAbacPlugin()', () => {
  const pods = '/api/v1/namespaces/team/pods'
  it.each([
    [versioned({ user: 'jane', namespace: 'team', resource: 'pods' }), 'POST', pods, 'allow'],
    [versioned({ user: 'jane', namespace: 'team', resource: 'pods', readonly: true }), 'POST', pods, 'noOpinion'],
    [versioned({ user: 'jane', namespace: 'team', resource: 'pods', readonly: true }), 'GET', pods, 'allow'],
    [versioned({ user: 'jane', namespace: 'other', resource: 'pods' }), 'GET', pods, 'noOpinion'],
    [versioned({ group: 'devs', namespace: '*', resource: '*' }), 'GET', pods, 'allow'],
    [versioned({ user: 'jane', group: 'ops', namespace: '*', resource: '*' }), 'GET', pods, 'noOpinion'],
    [versioned({ user: '*', namespace: '*', resource: '*' }), 'GET', pods, 'allow'],
    [versioned({ namespace: '*', resource: '*' }), 'GET', pods, 'noOpinion'],
    [versioned({ group: 'devs', namespace: '*', resource: '*' }), 'GET', '/apis/apps/v1/deployments', 'noOpinion'],
    [
      versioned({ group: 'devs', namespace: '*', resource: '*', apiGroup: '*' }),
      'GET',
      '/apis/apps/v1/deployments',
      'allow',
    ],
    [versioned({ user: 'jane', nonResourcePath: '/debug/*' }), 'GET', '/debug/pprof', 'allow'],
    ['{"user":"jane"}', 'DELETE', '/apis/apps/v1/namespaces/x/deployments/y', 'allow'],
    ['{"user":"jane","resource":"pods"}', 'GET', '/version', 'noOpinion'],
    ['{"readonly":true}', 'GET', '/version', 'allow'],
    ['# nothing here', 'GET', pods, 'noOpinion'],
  ])('%s makes of %s %s: %s', (line, method, url, expected) => {
    expect(decide(line, method, url)).toBe(expected)
  })

  it('lists what a policy gives', () => {
    const plugin = createAbacPlugin(
      parseAbacPolicies(versioned({ user: 'jane', namespace: 'team', resource: 'pods', readonly: true }), ''),
    )
    expect(plugin.rulesFor(jane, 'team').rules).toEqual([
      { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] },
    ])
    expect(plugin.rulesFor(jane, 'other').rules).toEqual([])
  })
})

describe('parseAbacPolicies()', () => {
  it.each(['{', '{"apiVersion":"v9","kind":"Policy"}', '[]'])('names the line of %s', (line) => {
    expect(() => parseAbacPolicies(`# first\n${line}`, 'policy.jsonl')).toThrow(
      `error reading policy file policy.jsonl, line 2: ${line}`,
    )
  })
})

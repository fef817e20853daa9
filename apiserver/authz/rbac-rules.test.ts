import { describe, expect, it } from 'vitest'
import { parseRule } from './bootstrap-policy.ts'
import { type Action, compactRules, describeRule, ruleAllows, uncoveredRules } from './rbac-rules.ts'

const ask = (verb: string, resource: string, group = '', name = ''): Action => {
  const [plural = '', subresource = ''] = resource.split('/')
  return { type: 'resource', verb, apiGroup: group, resource: plural, subresource, name }
}

describe('ruleAllows()', () => {
  it.each([
    ['get core pods', ask('get', 'pods'), true],
    ['get core pods', ask('list', 'pods'), false],
    ['get core pods', ask('get', 'pods', 'apps'), false],
    ['get core pods', ask('get', 'pods/log'), false],
    ['get core pods/log', ask('get', 'pods/log'), true],
    ['get core pods/log', ask('get', 'pods'), false],
    ['get core *', ask('get', 'pods/log'), true],
    ['update apps */scale', ask('update', 'deployments/scale', 'apps'), true],
    ['update apps */scale', ask('update', 'deployments', 'apps'), false],
    ['* * *', ask('deletecollection', 'widgets/x', 'example.com'), true],
    ['get core secrets a,b', ask('get', 'secrets', '', 'b'), true],
    ['get core secrets a,b', ask('get', 'secrets', '', 'c'), false],
    ['list core secrets a', ask('list', 'secrets'), false],
    ['* * *', { type: 'url', verb: 'get', path: '/healthz' }, false],
    ['get url:/healthz', { type: 'url', verb: 'get', path: '/healthz' }, true],
    ['get url:/healthz', { type: 'url', verb: 'get', path: '/healthz/ping' }, false],
    ['get url:/healthz/*', { type: 'url', verb: 'get', path: '/healthz/ping' }, true],
    ['get url:/healthz/*', { type: 'url', verb: 'get', path: '/healthz' }, false],
    ['* url:*', { type: 'url', verb: 'post', path: '/anything' }, true],
  ] as const)('%s for %o is %s', (rule, action, expected) => {
    expect(ruleAllows(parseRule(rule), action)).toBe(expected)
  })
})

describe('uncoveredRules()', () => {
  it('names what the owned rules lack, split by verb and resource', () => {
    const missing = uncoveredRules([parseRule('get,list core pods')], [parseRule('get,delete core pods,secrets')])
    expect(compactRules(missing).map(describeRule).toSorted()).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}',
    ])
  })

  it.each([
    ['* * *', 'get apps deployments/scale'],
    ['* core */log', 'get core pods/log'],
    ['get core pods', 'get core pods a'],
    ['get url:/metrics/*', 'get url:/metrics/cadvisor'],
  ])('finds %s to cover %s', (owned, wanted) => {
    expect(uncoveredRules([parseRule(owned)], [parseRule(wanted)])).toEqual([])
  })

  it('does not let a rule for one name cover all names', () => {
    expect(uncoveredRules([parseRule('get core pods a')], [parseRule('get core pods')])).toHaveLength(1)
  })
})

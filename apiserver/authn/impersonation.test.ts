import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Attributes, Decision } from '../authz/authorizer.ts'
import { parseRequestInfo, type UserInfo } from '../http/request-info.ts'
import { createImpersonation } from './impersonation.ts'

const caller: UserInfo = { name: 'admin', groups: ['system:authenticated'] }
const listPods = parseRequestInfo('GET', '/api/v1/namespaces/ns/pods')

/** Allows what `rules` name as `verb group/resource/subresource/name@namespace`, and notes every question. */
function authorizerOf(...rules: readonly string[]) {
  const asked: string[] = []
  const authorizer = ({ info }: Attributes): Decision => {
    const { verb, group, resource, subresource, name, namespace } = info
    const question = `${verb} ${[group, resource, subresource, name].filter((part) => part !== '').join('/')}@${namespace}`
    asked.push(question)
    return rules.includes(question) || rules.includes(`${verb} *`)
      ? { type: 'allow', reason: '' }
      : { type: 'noOpinion', reason: '' }
  }
  return { asked, authorizer }
}

const act = async (rules: readonly string[], headers: IncomingHttpHeaders, by = caller) =>
  await createImpersonation(authorizerOf(...rules).authorizer)(by, { headers }, listPods)

describe('createImpersonation() in the old way', () => {
  it('asks for each user, uid, group and extra value', async () => {
    const { asked, authorizer } = authorizerOf('impersonate *')
    const headers = {
      'impersonate-user': 'bob',
      'impersonate-group': 'devs, ops',
      'impersonate-uid': 'u',
      'impersonate-extra-scopes%2fa': 'x',
    }
    const rawHeaders = ['Impersonate-Group', 'devs', 'Impersonate-Group', 'ops']
    const user = await createImpersonation(authorizer)(caller, { headers, rawHeaders }, listPods)
    expect(asked.filter((one) => one.startsWith('impersonate '))).toEqual([
      'impersonate users/bob@',
      'impersonate authentication.k8s.io/uids/u@',
      'impersonate groups/devs@',
      'impersonate groups/ops@',
      'impersonate authentication.k8s.io/userextras/scopes/a/x@',
    ])
    expect(user).toEqual({
      name: 'bob',
      uid: 'u',
      groups: ['devs', 'ops', 'system:authenticated'],
      extra: { 'scopes/a': ['x'] },
    })
  })

  it.each([
    ['bob', '', ['system:authenticated']],
    ['system:anonymous', '', ['system:unauthenticated']],
    ['bob', 'system:unauthenticated', ['system:unauthenticated']],
    [
      'system:serviceaccount:ns:robot',
      '',
      ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    ],
    ['system:serviceaccount:ns:robot', 'a', ['a', 'system:authenticated']],
    ['system:node:one', '', ['system:authenticated']],
  ])('makes of %s in group "%s" a member of %o', async (name, group, groups) => {
    const headers = { 'impersonate-user': name, ...(group === '' ? {} : { 'impersonate-group': group }) }
    expect((await act(['impersonate *'], headers)).groups).toEqual(groups)
  })

  it('refuses in the words of the first mode', async () => {
    await expect(act([], { 'impersonate-user': 'bob' })).rejects.toThrow(
      'pods is forbidden: User "admin" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"',
    )
  })

  it('refuses groups without a user, and shows them as Go does', async () => {
    await expect(act(['impersonate *'], { 'impersonate-group': 'a' })).rejects.toThrow(
      'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)} without impersonating a user name',
    )
  })
})

describe('createImpersonation() within constraints', () => {
  const onList = (mode: string): string => `impersonate-on:${mode}:list pods@ns`

  it.each([
    ['user-info', 'bob', 'impersonate:user-info authentication.k8s.io/users/bob@', ['system:authenticated']],
    [
      'serviceaccount',
      'system:serviceaccount:ns:robot',
      'impersonate:serviceaccount authentication.k8s.io/serviceaccounts/robot@ns',
      ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
    ],
    [
      'arbitrary-node',
      'system:node:one',
      'impersonate:arbitrary-node authentication.k8s.io/nodes/one@',
      ['system:nodes', 'system:authenticated'],
    ],
  ])('needs both permissions of %s to become %s', async (mode, name, whom, groups) => {
    const headers = { 'impersonate-user': name }
    expect(await act([onList(mode), whom], headers)).toEqual({ name, groups })
    await expect(act([onList(mode)], headers)).rejects.toThrow(`cannot impersonate:${mode} resource`)
    await expect(act([whom], headers)).rejects.toThrow(`cannot impersonate-on:${mode}:list resource`)
  })

  it('lets a service account become its own node, and no other', async () => {
    const agent = {
      name: 'system:serviceaccount:ns:agent',
      groups: [],
      extra: { 'authentication.kubernetes.io/node-name': ['one'] },
    }
    const rules = [onList('associated-node'), 'impersonate:associated-node authentication.k8s.io/nodes/*@']
    expect((await act(rules, { 'impersonate-user': 'system:node:one' }, agent)).groups).toContain('system:nodes')
    await expect(act(rules, { 'impersonate-user': 'system:node:two' }, agent)).rejects.toThrow('arbitrary-node')
  })

  it('never gives system:masters', async () => {
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': 'system:masters' }
    const rules = [onList('user-info'), 'impersonate:user-info *']
    await expect(act(rules, headers)).rejects.toThrow('impersonating the system:masters group is not allowed')
  })

  it('asks once for many groups', async () => {
    const { asked, authorizer } = authorizerOf(onList('user-info'), 'impersonate:user-info *')
    const rawHeaders = ['a', 'b', 'c', 'd'].flatMap((group) => ['impersonate-group', group])
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': 'a, b, c, d' }
    await createImpersonation(authorizer)(caller, { headers, rawHeaders }, listPods)
    expect(asked.filter((one) => one.includes('/groups/'))).toEqual([
      'impersonate:user-info authentication.k8s.io/groups/*@',
    ])
  })
})

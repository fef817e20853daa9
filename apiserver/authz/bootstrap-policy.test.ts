import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { bootstrapPolicy, parseRule } from './bootstrap-policy.ts'

const facts = new URL('../../../shared/kubernetes/rbac/', import.meta.url)

describe.skipIf(!existsSync(facts))('bootstrapPolicy equals the facts of the wire', () => {
  it.each([
    ['cluster-roles.yaml', bootstrapPolicy.clusterRoles],
    ['controller-roles.yaml', bootstrapPolicy.controllerRoles],
    ['cluster-role-bindings.yaml', bootstrapPolicy.clusterRoleBindings],
    ['controller-role-bindings.yaml', bootstrapPolicy.controllerRoleBindings],
    ['namespace-roles.yaml', bootstrapPolicy.roles],
    ['namespace-role-bindings.yaml', bootstrapPolicy.roleBindings],
  ])('%s', (file, ours) => {
    expect(ours).toEqual(parse(readFileSync(new URL(file, facts), 'utf8')).items)
  })
})

describe('parseRule()', () => {
  it('reads a rule on resources, with `core` for the empty group', () => {
    expect(parseRule('get,list core,apps pods,deployments/scale a,b')).toEqual({
      verbs: ['get', 'list'],
      apiGroups: ['', 'apps'],
      resources: ['pods', 'deployments/scale'],
      resourceNames: ['a', 'b'],
    })
  })

  it('reads a rule on URLs', () => {
    expect(parseRule('get url:/healthz,/version/*')).toEqual({
      verbs: ['get'],
      nonResourceURLs: ['/healthz', '/version/*'],
    })
  })
})

/**
 * `authorizer`: whether the one who asks, or a service account, may do something.
 *
 *   authorizer.group('apps').resource('deployments').namespace('x').check('create').allowed()
 *   authorizer.path('/healthz').check('get').reason()
 *
 * The decision itself is a function in the value of the variable. It answers at once; who decides slowly throws out of the
 * evaluation and evaluates again. Source: upstream's `kubernetes.authz` and `kubernetes.authzSelectors` libraries.
 */
import { isDns1123Label, isDns1123Subdomain } from '../../names.ts'
import { CelError } from '../errors.ts'
import type { FunctionDeclaration, Library, Overload, Range } from '../library.ts'
import { type CelType, celTypes, objectType } from '../types.ts'
import type { CelValue, OpaqueValue } from '../values.ts'

/** Who is asked about. */
export type AccessUser = {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** What is asked. The selectors are texts, `''` where there are none. */
export type AccessQuestion =
  | { readonly type: 'path'; readonly user: AccessUser; readonly verb: string; readonly path: string }
  | ({ readonly type: 'resource'; readonly user: AccessUser; readonly verb: string } & CheckedResource)
export type CheckedResource = {
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly fieldSelector: string
  readonly labelSelector: string
}

/** The authorizer's answer; `error` is there when it could not decide. */
export type AccessAnswer = { readonly allowed: boolean; readonly reason: string; readonly error?: string }
export type AskAccess = (question: AccessQuestion) => AccessAnswer

/** The type of the variable `authorizer`. */
export const authorizerType = objectType('kubernetes.authorization.Authorizer')
const pathCheckType = objectType('kubernetes.authorization.PathCheck')
const groupCheckType = objectType('kubernetes.authorization.GroupCheck')
/** The type of the variable `authorizer.requestResource`. */
export const resourceCheckType = objectType('kubernetes.authorization.ResourceCheck')
const decisionType = objectType('kubernetes.authorization.Decision')

abstract class AccessValue implements OpaqueValue {
  readonly kind = 'opaque'
  abstract readonly typeName: string

  /** As upstream, which compares none of them. */
  equals(): boolean {
    throw new CelError('no such overload')
  }
}

class Authorizer extends AccessValue {
  readonly typeName = 'kubernetes.authorization.Authorizer'
  readonly user: AccessUser
  readonly ask: AskAccess

  constructor(user: AccessUser, ask: AskAccess) {
    super()
    this.user = user
    this.ask = ask
  }
}

class PathCheck extends AccessValue {
  readonly typeName = 'kubernetes.authorization.PathCheck'
  readonly authorizer: Authorizer
  readonly path: string

  constructor(authorizer: Authorizer, path: string) {
    super()
    this.authorizer = authorizer
    this.path = path
  }
}

class GroupCheck extends AccessValue {
  readonly typeName = 'kubernetes.authorization.GroupCheck'
  readonly authorizer: Authorizer
  readonly group: string

  constructor(authorizer: Authorizer, group: string) {
    super()
    this.authorizer = authorizer
    this.group = group
  }
}

class ResourceCheck extends AccessValue {
  readonly typeName = 'kubernetes.authorization.ResourceCheck'
  readonly authorizer: Authorizer
  readonly checked: CheckedResource

  constructor(authorizer: Authorizer, checked: CheckedResource) {
    super()
    this.authorizer = authorizer
    this.checked = checked
  }

  with(change: Partial<CheckedResource>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.checked, ...change })
  }
}

class Decision extends AccessValue {
  readonly typeName = 'kubernetes.authorization.Decision'
  readonly answer: AccessAnswer

  constructor(answer: AccessAnswer) {
    super()
    this.answer = answer
  }
}

/** The value of `authorizer`. */
export function authorizerValue(user: AccessUser, ask: AskAccess): CelValue {
  return new Authorizer(user, ask)
}

/** The value of `authorizer.requestResource`. */
export function resourceCheckValue(
  user: AccessUser,
  ask: AskAccess,
  checked: Omit<CheckedResource, 'fieldSelector' | 'labelSelector'>,
): CelValue {
  return new ResourceCheck(new Authorizer(user, ask), { ...checked, fieldSelector: '', labelSelector: '' })
}

/** An authorization check costs so much that an expression can afford two. Source: upstream's `library/cost.go`. */
const checkCost = 350_000

type Body = (receiver: CelValue, ...texts: readonly string[]) => CelValue

function method(
  name: string,
  overloads: readonly (readonly [string, CelType, number, CelType, Body, Partial<Overload>?])[],
) {
  return {
    name,
    overloads: overloads.map(
      ([id, receiver, texts, result, body, more = {}]): Overload => ({
        id,
        member: true,
        arguments: [receiver, ...Array<CelType>(texts).fill(celTypes.string)],
        result,
        call: ([value = null, ...args]) => body(value, ...args.map(String)),
        ...more,
      }),
    ),
  } satisfies FunctionDeclaration
}

/** The receiver as the class that the checker has promised. */
function receiverOf<T>(value: CelValue, type: new (...input: never[]) => T): T {
  if (value instanceof type) return value
  throw new CelError('no such overload')
}

const fixedCost = (cost: number): Partial<Overload> => ({
  cost: () => cost,
  estimate: () => ({ cost: { min: cost, max: cost } }),
})

const selectorCost: Partial<Overload> = {
  cost: ([, selector]) => selectorCostOf(typeof selector === 'string' ? [...selector].length : 0),
  estimate: ([, selector]) => {
    const { min, max }: Range = selector?.size ?? { min: 0, max: 0 }
    return { cost: { min: selectorCostOf(min), max: selectorCostOf(max) } }
  },
}

/** A selector is read (a tenth for each character) into requirements, of two characters at least and 50 each, in a list of 10. */
function selectorCostOf(length: number): number {
  return 10 + Math.ceil(length / 10) + Math.ceil(Math.ceil(length / 2) * 50)
}

function resourceChange(
  name: string,
  id: string,
  change: (text: string) => Partial<CheckedResource>,
  more: Partial<Overload> = {},
) {
  const body: Body = (check, text = '') => receiverOf(check, ResourceCheck).with(change(text))
  return method(name, [[id, resourceCheckType, 1, resourceCheckType, body, more]])
}

function decisionMember(name: string, result: CelType, read: (answer: AccessAnswer) => CelValue) {
  const body: Body = (decision) => read(receiverOf(decision, Decision).answer)
  return method(name, [[`decision_${name}`, decisionType, 0, result, body]])
}

function serviceAccount(value: CelValue, namespace = '', name = ''): CelValue {
  const { ask } = receiverOf(value, Authorizer)
  if (isDns1123Subdomain(name).length > 0) throw new CelError('Invalid service account name')
  if (isDns1123Label(namespace).length > 0) throw new CelError('Invalid service account namespace')
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
  return new Authorizer({ name: `system:serviceaccount:${namespace}:${name}`, groups }, ask)
}

function path(value: CelValue, text = ''): CelValue {
  const authorizer = receiverOf(value, Authorizer)
  if (text.trim() === '') throw new CelError('path must not be empty')
  return new PathCheck(authorizer, text)
}

function resource(value: CelValue, text = ''): CelValue {
  const { authorizer, group } = receiverOf(value, GroupCheck)
  if (text.trim() === '') throw new CelError('resource must not be empty')
  const rest = { subresource: '', namespace: '', name: '', fieldSelector: '', labelSelector: '' }
  return new ResourceCheck(authorizer, { group, resource: text, ...rest })
}

function checkPath(value: CelValue, verb = ''): CelValue {
  const { authorizer, path: asked } = receiverOf(value, PathCheck)
  return new Decision(authorizer.ask({ type: 'path', user: authorizer.user, verb, path: asked }))
}

function checkResource(value: CelValue, verb = ''): CelValue {
  const { authorizer, checked } = receiverOf(value, ResourceCheck)
  return new Decision(authorizer.ask({ type: 'resource', user: authorizer.user, verb, ...checked }))
}

/** The library. */
export const authorizerLibrary: Library = {
  name: 'kubernetes.authz',
  functions: [
    method('path', [['authorizer_path', authorizerType, 1, pathCheckType, path]]),
    method('group', [
      [
        'authorizer_group',
        authorizerType,
        1,
        groupCheckType,
        (value, text = '') => new GroupCheck(receiverOf(value, Authorizer), text),
      ],
    ]),
    method('serviceAccount', [['authorizer_serviceaccount', authorizerType, 2, authorizerType, serviceAccount]]),
    method('resource', [['groupcheck_resource', groupCheckType, 1, resourceCheckType, resource]]),
    resourceChange('subresource', 'resourcecheck_subresource', (subresource) => ({ subresource })),
    resourceChange('namespace', 'resourcecheck_namespace', (namespace) => ({ namespace })),
    resourceChange('name', 'resourcecheck_name', (name) => ({ name })),
    resourceChange('fieldSelector', 'authorizer_fieldselector', (fieldSelector) => ({ fieldSelector }), selectorCost),
    resourceChange('labelSelector', 'authorizer_labelselector', (labelSelector) => ({ labelSelector }), selectorCost),
    method('check', [
      ['pathcheck_check', pathCheckType, 1, decisionType, checkPath, fixedCost(checkCost)],
      ['resourcecheck_check', resourceCheckType, 1, decisionType, checkResource, fixedCost(checkCost)],
    ]),
    decisionMember('errored', celTypes.bool, ({ error }) => error !== undefined),
    decisionMember('error', celTypes.string, ({ error = '' }) => error),
    decisionMember('allowed', celTypes.bool, ({ allowed }) => allowed),
    decisionMember('reason', celTypes.string, ({ reason }) => reason),
  ],
}

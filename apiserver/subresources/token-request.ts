/** `serviceaccounts/token`: a signed, expiring token, bound to the account and, if asked for, to a pod, secret or node. */
import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { TokenRequest } from '../../api/authentication/v1.ts'
import type { Pod, ServiceAccount } from '../../api/core/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { badRequest, conflict, invalid, type StatusCause } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { SigningKey } from '../authn/service-account-keys.ts'
import { serviceAccountUserName } from '../authn/user.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import { asJson, asObject, requiredBody, served } from './answers.ts'
import { admissionOfCreated } from './own-kind.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

export type TokenIssuer = {
  readonly issuer: string
  readonly key: SigningKey
  readonly apiAudiences: readonly string[]
  /** `--service-account-max-token-expiration`. */
  readonly maxExpirationSeconds?: number
  /** `--service-account-extend-token-expiration`. */
  readonly extendExpiration: boolean
}

const minExpirationSeconds = 10 * 60
const maxExpirationSeconds = 2 ** 32
const defaultExpirationSeconds = 60 * 60
/** The lifetime that marks a pod's mounted token: clients that never read it again get a year. */
const extendableSeconds = 3607
const extendedSeconds = 365 * 24 * 60 * 60

/** The handler; `issuer` signs. */
export function tokenRequestHandler(issuer: TokenIssuer): SubresourceHandler {
  return {
    group: '',
    plural: 'serviceaccounts',
    subresource: 'token',
    verbs: ['create'],
    handle: async (request, _, context) => await createToken(request, context, issuer),
  }
}

async function createToken(
  request: ApiRequest,
  context: SubresourceContext,
  issuer: TokenIssuer,
): Promise<SubresourceAnswer> {
  const { namespace, name } = request.info
  const { store, clock } = context
  const resource = served(store, '', 'serviceaccounts')
  const definition = 'authentication.v1.TokenRequest'
  const admission = admissionOfCreated(request, context, { resource, subresource: 'token', definition })
  const sent = asJson(withLifetime(await requiredBody(context, request, definition)))
  // Only the managed fields are new.
  const managed = context.withManagers(request, definition, undefined, sent) as unknown as TokenRequest
  // What is written as null is read as nothing.
  const asked = await admission.mutate(withReference(managed) as TokenRequest)
  requireOwnName(asked, name)
  const account = (await store.get(resource, { namespace, name }, request.signal)) as unknown as ServiceAccount
  requireOwnUid(asked, account)
  const wanted = completed(asked, account, issuer, formatTime(clock.now()))
  const causes = tokenRequestCauses(wanted)
  if (causes.length > 0) throw invalid(tokenRequestKind, '', causes)
  await admission.validate(withReference(wanted))
  const bound = await boundObject(request, context, wanted, account)
  const id = randomUUID()
  const plan = planToken({ wanted, account, bound, issuer, nowMs: clock.now(), id })
  const token = await new SignJWT(plan.claims)
    .setProtectedHeader({ alg: issuer.key.algorithm, kid: issuer.key.id })
    .sign(issuer.key.key)
  request.audit?.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${id}`)
  return {
    code: 201,
    object: asJson({ ...withReference(wanted), status: { token, expirationTimestamp: plan.expirationTimestamp } }),
  }
}

const tokenRequestKind = { group: 'authentication.k8s.io', kind: 'TokenRequest' }

/** The body may name the account, but no other. */
function requireOwnName({ metadata }: TokenRequest, name: string): void {
  const given: { readonly name?: string } = metadata ?? {}
  if ((given.name ?? '') === '' || given.name === name) return
  throw invalid(tokenRequestKind, name, [
    invalidValue('metadata.name', given.name, 'must match the service account name if specified'),
  ])
}

function requireOwnUid({ metadata }: TokenRequest, { metadata: { name, uid } }: ServiceAccount): void {
  const given = (metadata as { readonly uid?: string } | undefined)?.uid ?? ''
  if (given === '' || given === uid) return
  const message = `the UID in the token request (${given}) does not match the UID of the service account (${uid})`
  throw conflict({ group: 'authentication.k8s.io', plural: 'TokenRequest' }, name, message)
}

/** Fills in what the request leaves out. */
function completed(
  wanted: TokenRequest,
  account: ServiceAccount,
  { apiAudiences }: TokenIssuer,
  creationTimestamp: string,
): TokenRequest {
  const { name, namespace, uid } = account.metadata
  return {
    ...wanted,
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { ...wanted.metadata, name, ...(namespace === undefined ? {} : { namespace }), uid, creationTimestamp },
    spec: {
      ...wanted.spec,
      audiences: wanted.spec.audiences.length === 0 ? apiAudiences : wanted.spec.audiences,
      expirationSeconds: wanted.spec.expirationSeconds ?? defaultExpirationSeconds,
    },
  }
}

function withLifetime(asked: TokenRequest): TokenRequest {
  const spec = { ...asked.spec, expirationSeconds: asked.spec.expirationSeconds ?? defaultExpirationSeconds }
  return { ...asked, spec }
}

/** Go writes a field without value here. */
function withReference(wanted: TokenRequest): object {
  const { audiences, expirationSeconds, boundObjectRef, ...others } = wanted.spec
  const spec = { audiences, expirationSeconds, boundObjectRef: boundObjectRef ?? null, ...others }
  return { ...wanted, spec, status: { token: '', expirationTimestamp: null } }
}

/** What is wrong with the wanted lifetime. */
export function tokenRequestCauses({ spec }: TokenRequest): readonly StatusCause[] {
  const seconds = spec.expirationSeconds ?? defaultExpirationSeconds
  const field = 'spec.expirationSeconds'
  if (seconds < minExpirationSeconds) {
    return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')]
  }
  if (seconds > maxExpirationSeconds) {
    return [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
  }
  return []
}

/** The objects that a token is bound to, besides its account. */
type Bound = { readonly pod?: ApiObject; readonly node?: ApiObject; readonly secret?: ApiObject }

async function boundObject(
  request: ApiRequest,
  context: SubresourceContext,
  { spec }: TokenRequest,
  account: ServiceAccount,
): Promise<Bound> {
  const reference = spec.boundObjectRef
  if (reference === undefined || reference === null) return {}
  const { kind = '', apiVersion = '', name = '', uid = '' } = reference
  const found = await findBound(request, context, { kind, apiVersion, name }, account)
  const [object] = Object.values(found)
  if (uid !== '' && object !== undefined && object.metadata.uid !== uid) {
    throw conflict(
      { group: '', plural: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  return found
}

async function findBound(
  request: ApiRequest,
  { store, reader }: SubresourceContext,
  { kind, apiVersion, name }: { readonly kind: string; readonly apiVersion: string; readonly name: string },
  account: ServiceAccount,
): Promise<Bound> {
  const { namespace } = request.info
  const get = async (plural: string, inNamespace: string): Promise<ApiObject> => {
    if (name === '') throw badRequest('Name parameter required.')
    return await store.get(served(store, '', plural), { namespace: inNamespace, name }, request.signal)
  }
  if (apiVersion === 'v1' && kind === 'Pod') {
    const pod = await get('pods', namespace)
    const { spec } = pod as unknown as Pod
    if (spec.serviceAccountName !== account.metadata.name) {
      throw badRequest(
        `cannot bind token for serviceaccount ${JSON.stringify(account.metadata.name)} to pod running with different serviceaccount name.`,
      )
    }
    const node = read(reader, kinds.nodes, '', spec.nodeName ?? '')
    return { pod, ...(node === undefined ? {} : { node: asObject(node) }) }
  }
  if (apiVersion === 'v1' && kind === 'Node') return { node: await get('nodes', '') }
  if (apiVersion === 'v1' && kind === 'Secret') return { secret: await get('secrets', namespace) }
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`)
}

type TokenInput = {
  readonly wanted: TokenRequest
  readonly account: ServiceAccount
  readonly bound: Bound
  readonly issuer: Pick<TokenIssuer, 'issuer' | 'apiAudiences' | 'maxExpirationSeconds' | 'extendExpiration'>
  readonly nowMs: number
  readonly id: string
}
/** The claims of a token, and the time at which its holder should have asked for the next. */
export type TokenPlan = { readonly claims: Record<string, unknown>; readonly expirationTimestamp: string }

/** What a token says. */
export function planToken({ wanted, account, bound, issuer, nowMs, id }: TokenInput): TokenPlan {
  const now = Math.floor(nowMs / 1000)
  const namespace = account.metadata.namespace ?? ''
  const asked = Math.min(
    wanted.spec.expirationSeconds ?? defaultExpirationSeconds,
    issuer.maxExpirationSeconds ?? Number.POSITIVE_INFINITY,
  )
  const isForApi = wanted.spec.audiences.every((audience) => issuer.apiAudiences.includes(audience))
  const isExtended = issuer.extendExpiration && asked === extendableSeconds && isForApi && bound.pod !== undefined
  const lifetime = isExtended ? extendedSeconds : asked
  return {
    claims: {
      aud: wanted.spec.audiences,
      exp: now + lifetime,
      iat: now,
      iss: issuer.issuer,
      jti: id,
      'kubernetes.io': {
        namespace,
        ...(bound.node === undefined ? {} : { node: reference(bound.node) }),
        ...(bound.pod === undefined ? {} : { pod: reference(bound.pod) }),
        ...(bound.secret === undefined ? {} : { secret: reference(bound.secret) }),
        serviceaccount: reference(account),
        ...(isExtended ? { warnafter: now + asked } : {}),
      },
      nbf: now,
      sub: serviceAccountUserName(namespace, account.metadata.name),
    },
    expirationTimestamp: formatTime((now + asked) * 1000),
  }
}

function reference({ metadata }: { readonly metadata: { readonly name: string; readonly uid: string } }): object {
  return { name: metadata.name, uid: metadata.uid }
}

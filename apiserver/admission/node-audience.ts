/**
 * For whom a node may ask tokens of a pod: for those that the pod's volumes name, for those that an authorizer lets it ask.
 * Source: `validateNodeServiceAccountAudience` of upstream's NodeRestriction, KEP-4935. Volumes of types that upstream translates to CSI
 * are not translated here: their drivers' audiences need the authorizer.
 */
import type { Pod } from '../../api/core/v1.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { type BuiltIn, find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionRequest } from './admission.ts'

type Options = { readonly lookup: Lookup; readonly authorizer: Authorizer }
type Volume = NonNullable<Pod['spec']['volumes']>[number]

/** Why the node may not have a token for these audiences; `undefined`: it may. */
export async function audienceRefusal(
  options: Options,
  request: AdmissionRequest,
  pod: Pod,
  audiences: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const [audience = '', another] = audiences
  if (another !== undefined) return 'node may only request 0 or 1 audiences'
  const named = JSON.stringify(audience)
  const errors: string[] = []
  for (const volume of pod.spec.volumes ?? []) {
    const found = await namesAudience(options.lookup, pod, volume, audience, signal)
    if (found === true) return undefined
    if (typeof found === 'string') errors.push(found)
  }
  if (errors.length > 0) return `error validating audience ${named}: ${aggregate(errors)}`
  const { type, error } = await options.authorizer(attributesOf(request, audience))
  if (type === 'allow') return undefined
  const missing = `audience ${named} not found in pod spec volume`
  return error === undefined
    ? `${missing}, ${request.user.name} is not authorized to request tokens for this audience`
    : `${missing}, error authorizing ${request.user.name} to request tokens for this audience: ${error}`
}

/** Source: `utilerrors.NewAggregate`. */
function aggregate(errors: readonly string[]): string {
  const different = [...new Set(errors)]
  return different.length === 1 ? (different[0] ?? '') : `[${different.join(', ')}]`
}

/** Whether a volume needs tokens for the audience, or what is not there that would say so. */
async function namesAudience(
  lookup: Lookup,
  { metadata }: Pod,
  volume: Volume,
  audience: string,
  signal: AbortSignal,
): Promise<boolean | string> {
  const sources = volume.projected?.sources ?? []
  if (sources.some(({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience)) {
    return true
  }
  const driver = await driverOf(lookup, metadata, volume, signal)
  if (typeof driver !== 'object') return driver ?? false
  const { name } = driver
  const found = await find(lookup, kinds.csiDrivers, '', name, signal)
  if (found === undefined) return notFoundText(kinds.csiDrivers, name)
  return (found.spec.tokenRequests ?? []).some((request) => request.audience === audience)
}

/** The CSI driver behind a volume, or what is not there on the way to it. */
async function driverOf(
  lookup: Lookup,
  { name, namespace = '' }: Pod['metadata'],
  { csi, ephemeral, persistentVolumeClaim, name: volumeName }: Volume,
  signal: AbortSignal,
): Promise<{ readonly name: string } | string | undefined> {
  if (csi !== undefined) return { name: csi.driver }
  const claimName = ephemeral === undefined ? persistentVolumeClaim?.claimName : `${name}-${volumeName}`
  if (claimName === undefined) return undefined
  const claim = await find(lookup, kinds.persistentVolumeClaims, namespace, claimName, signal)
  if (claim === undefined) return notFoundText(kinds.persistentVolumeClaims, claimName)
  const { volumeName: bound = '' } = claim.spec ?? {}
  const volume = await find(lookup, kinds.persistentVolumes, '', bound, signal)
  if (volume === undefined) return notFoundText(kinds.persistentVolumes, bound)
  const driver = volume.spec?.csi?.driver
  return driver === undefined ? undefined : { name: driver }
}

function notFoundText({ facts: { group, plural } }: Pick<BuiltIn<never>, 'facts'>, name: string): string {
  return `${group === '' ? plural : `${plural}.${group}`} ${JSON.stringify(name)} not found`
}

/** The audience stands where a resource does. */
function attributesOf({ user, namespace, name }: AdmissionRequest, audience: string): Parameters<Authorizer>[0] {
  return {
    user,
    info: {
      isResourceRequest: true,
      verb: 'request-serviceaccounts-token-audience',
      apiPrefix: '',
      group: '',
      version: 'v1',
      namespace,
      resource: audience,
      subresource: '',
      name,
      parts: [],
      path: '',
    },
  }
}

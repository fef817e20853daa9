/** Registry credentials from `imagePullSecrets`. Pure. Source: upstream `pkg/credentialprovider`. */
import type { Secret } from '../../api/core/v1.ts'
import { isJsonObject } from '../../apimachinery/json.ts'
import type { CriDraft } from '../runtime/cri.ts'
import type { ImageName } from './image-name.ts'

/** Every credential that fits the image, the most specific first. */
export function credentialsFor(image: ImageName, secrets: readonly Secret[]): readonly CriDraft<'AuthConfig'>[] {
  const wanted = `${image.registry}/${image.repository}`
  return secrets
    .flatMap(entriesOf)
    .filter(({ location }) => covers(location, wanted))
    .toSorted((a, b) => b.location.length - a.location.length)
    .map(({ auth }) => auth)
}

type Entry = { readonly location: string; readonly auth: CriDraft<'AuthConfig'> }

function entriesOf({ data = {} }: Secret): readonly Entry[] {
  const current = data['.dockerconfigjson']
  const legacy = data['.dockercfg']
  const parsed = parseBase64Json(current ?? legacy ?? '')
  const auths = current === undefined ? parsed : isJsonObject(parsed) ? parsed['auths'] : undefined
  if (!isJsonObject(auths)) return []
  return Object.entries(auths).map(([location, value]) => ({ location: normalize(location), auth: authOf(value) }))
}

function parseBase64Json(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
}

function authOf(value: unknown): CriDraft<'AuthConfig'> {
  if (!isJsonObject(value)) return {}
  const [user, ...password] = Buffer.from(String(value['auth'] ?? ''), 'base64')
    .toString('utf8')
    .split(':')
  return {
    username: String(value['username'] ?? user ?? ''),
    password: String(value['password'] ?? password.join(':')),
    identityToken: String(value['identitytoken'] ?? ''),
    registryToken: String(value['registrytoken'] ?? ''),
  }
}

/** `https://index.docker.io/v1/` → `docker.io`. */
function normalize(location: string): string {
  const bare = location
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '')
  return bare.replace(/^(?:index|registry-1)\.docker\.io/, 'docker.io')
}

function covers(location: string, wanted: string): boolean {
  const pattern = location
    .split('/')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^./]*'))
  return new RegExp(`^${pattern.join('/')}(?:/|$)`).test(wanted)
}

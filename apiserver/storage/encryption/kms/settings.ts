/** A provider of kind `kms` as it stands in the configuration file. Source: `validateKMSConfiguration`. Pure. */
import { invalidValue, required } from '../../../../apimachinery/field-errors.ts'
import type { StatusCause } from '../../../../apimachinery/status.ts'
import { parseDuration } from '../../../../component-base/flags.ts'
import type { KmsSettings } from './plugin.ts'

type Fields = Readonly<Record<string, unknown>>

const defaultTimeoutMs = 3_000

/** What is wrong with it, in upstream's words. */
export function kmsProblems(fields: Fields, path: string): readonly StatusCause[] {
  const { name, timeout, cachesize, apiVersion } = fields
  const version = apiVersion === undefined || apiVersion === '' ? 'v1' : apiVersion
  return [
    ...(isText(name) ? [] : [required(`${path}.name`, 'name is a mandatory field for a provider')]),
    ...(version !== 'v1' && isText(name) && name.includes(':')
      ? [invalidValue(`${path}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`)]
      : []),
    ...(timeoutOf(timeout) > 0
      ? []
      : [invalidValue(`${path}.timeout`, String(timeout), 'timeout should be a positive value')]),
    ...endpointProblems(fields['endpoint'], `${path}.endpoint`),
    ...(version !== 'v1' && typeof cachesize === 'number'
      ? [invalidValue(`${path}.cachesize`, cachesize, 'cachesize is not supported in v2')]
      : []),
    ...(version === 'v1' && cachesize === 0
      ? [invalidValue(`${path}.cachesize`, cachesize, 'cachesize should be a positive value, or negative to disable')]
      : []),
    ...(version === 'v1' || version === 'v2'
      ? []
      : [
          // Upstream's sentence names the field where it means the value.
          invalidValue(
            `${path}.apiVersion`,
            String(version),
            'unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported',
          ),
        ]),
  ]
}

/** Of fields that have no problem. */
export function kmsSettings({ name, endpoint, timeout }: Fields): KmsSettings {
  return { name: String(name), endpoint: String(endpoint), timeoutMs: timeoutOf(timeout) }
}

function endpointProblems(endpoint: unknown, path: string): readonly StatusCause[] {
  if (!isText(endpoint)) return [invalidValue(path, '', 'endpoint is a mandatory field for a kms')]
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(endpoint)?.[1]?.toLowerCase() ?? ''
  if (scheme === 'unix') return []
  return [
    invalidValue(
      path,
      endpoint,
      `unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`,
    ),
  ]
}

/** Milliseconds; 0 for what is no duration. */
function timeoutOf(timeout: unknown): number {
  return timeout === undefined || timeout === null ? defaultTimeoutMs : (parseDuration(String(timeout)) ?? 0)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** The options that an Eviction brings along for the deletion. Source: pkg/registry/core/pod/storage/eviction.go. */
import { invalidValue, notSupported } from '../../apimachinery/field-errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { invalid, type StatusCause, StatusError } from '../../apimachinery/status.ts'
import type { DeleteOptions } from '../registry/store.ts'

/** What the deletion is told. */
export type EvictionOptions = Pick<
  DeleteOptions,
  'gracePeriodSeconds' | 'preconditions' | 'propagationPolicy' | 'orphanDependents'
> & { readonly dryRun: boolean }

/** Refuses what an eviction cannot do, and dry runs that only one of query and body asks for otherwise than the other. */
export function checkEvictionOptions(name: string, options: JsonObject, asked: readonly string[]): void {
  const unsafe = 'ignoreStoreReadErrorWithClusterBreakingPotential'
  if (options[unsafe] === true) {
    const detail = 'can not be set for pod eviction, try after removing the option'
    const kind = { group: 'policy', kind: 'Eviction' }
    throw invalid(kind, name, [invalidValue(`deleteOptions.${unsafe}`, true, detail)])
  }
  const given = textsOf(options['dryRun'])
  if (given.length === 0 || asked.length === 0 || given.join('\n') === asked.join('\n')) return
  const message = `Non-matching dry-run options in request and content: [${asked.join(' ')}] and [${given.join(' ')}]`
  throw new StatusError('', message, undefined, 500)
}

/** The options for the deletion itself, which are looked at once the budgets have allowed it. */
export function evictionOptions(options: JsonObject, isDryRun: boolean): EvictionOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = options
  const dryRun = textsOf(options['dryRun'])
  const causes: readonly StatusCause[] = [
    ...(dryRun.every((one) => one === 'All') ? [] : [notSupported('dryRun', dryRun, ['All'])]),
    ...(propagationPolicy === undefined || isPolicy(propagationPolicy)
      ? []
      : [notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil'])]),
  ]
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', causes)
  return {
    dryRun: isDryRun || dryRun.length > 0,
    ...(typeof gracePeriodSeconds === 'number' ? { gracePeriodSeconds } : {}),
    ...(isPolicy(propagationPolicy) ? { propagationPolicy } : {}),
    ...(typeof orphanDependents === 'boolean' ? { orphanDependents } : {}),
    ...(isJsonObject(preconditions) ? { preconditions: preconditionsOf(preconditions) } : {}),
  }
}

const policies = ['Foreground', 'Background', 'Orphan'] as const

function isPolicy(value: Json | undefined): value is (typeof policies)[number] {
  return policies.some((policy) => policy === value)
}

function textsOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function preconditionsOf({ uid, resourceVersion }: JsonObject): { uid?: string; resourceVersion?: string } {
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  }
}

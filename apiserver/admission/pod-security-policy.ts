/** Which levels of the Pod Security Standards hold in a namespace: its labels over the defaults of the cluster. Pure. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import type { PodSecurityLevel } from './pod-security-checks.ts'

/** A level and the version whose rules it means: `restricted:latest`. */
export type LevelVersion = { readonly level: PodSecurityLevel; readonly version: string }
/** What is refused, what is recorded, and what the client is warned of. */
export type PodSecurityPolicy = Readonly<Record<PodSecurityMode, LevelVersion>>
export type PodSecurityMode = 'enforce' | 'audit' | 'warn'

/** The configuration of the plugin in the file of `--admission-control-config-file`. */
export type PodSecurityConfig = {
  readonly defaults: PodSecurityPolicy
  readonly exemptions: {
    readonly usernames: readonly string[]
    readonly namespaces: readonly string[]
    readonly runtimeClasses: readonly string[]
  }
}

const labelPrefix = 'pod-security.kubernetes.io/'
const levels: readonly PodSecurityLevel[] = ['privileged', 'baseline', 'restricted']
export const podSecurityModes: readonly PodSecurityMode[] = ['enforce', 'audit', 'warn']
const everythingAllowed: LevelVersion = { level: 'privileged', version: 'latest' }

/** Without a file everything is allowed where no label says otherwise. */
export const defaultPodSecurity: PodSecurityConfig = {
  defaults: { enforce: everythingAllowed, audit: everythingAllowed, warn: everythingAllowed },
  exemptions: { usernames: [], namespaces: [], runtimeClasses: [] },
}

export const levelProblem = `must be one of ${levels.join(', ')}`
export const versionProblem = 'must be "latest" or "v1.x"'

/** Privileged before baseline before restricted. */
export function strictness(level: PodSecurityLevel): number {
  return levels.indexOf(level)
}

export function isPodSecurityLevel(text: string): text is PodSecurityLevel {
  return levels.some((level) => level === text)
}

export function isPodSecurityVersion(text: string): boolean {
  return text === 'latest' || /^v1\.(0|[1-9][0-9]*)$/.test(text)
}

/** `restricted:latest`. */
export function formatLevel({ level, version }: LevelVersion): string {
  return `${level}:${version}`
}

/** The policy of a namespace and what is wrong with its labels: enforcing fails closed, the other modes fail open. */
export function policyOf(
  labels: Readonly<Record<string, string>> | undefined,
  defaults: PodSecurityPolicy,
): { readonly policy: PodSecurityPolicy; readonly causes: readonly StatusCause[] } {
  const causes = podSecurityModes.flatMap((mode) => labelCauses(labels ?? {}, mode))
  const enforce = ofMode(labels ?? {}, 'enforce', defaults.enforce, 'restricted')
  const audit = ofMode(labels ?? {}, 'audit', defaults.audit, 'privileged')
  const warn = ofMode(labels ?? {}, 'warn', defaults.warn, 'privileged')
  return { policy: { enforce, audit, warn: warnAtLeast(labels ?? {}, enforce, warn) }, causes }
}

/** What is enforced is warned of too, unless the labels say what to warn of. */
function warnAtLeast(
  labels: Readonly<Record<string, string>>,
  enforce: LevelVersion,
  warn: LevelVersion,
): LevelVersion {
  const asked = labels[`${labelPrefix}enforce`]
  const isExplicit = asked !== undefined && isPodSecurityLevel(asked) && labels[`${labelPrefix}warn`] === undefined
  if (!isExplicit || strictness(enforce.level) <= strictness(warn.level)) return warn
  const version = labels[`${labelPrefix}warn-version`] === undefined ? enforce.version : warn.version
  return { level: enforce.level, version }
}

function ofMode(
  labels: Readonly<Record<string, string>>,
  mode: PodSecurityMode,
  absent: LevelVersion,
  broken: PodSecurityLevel,
): LevelVersion {
  const level = labels[`${labelPrefix}${mode}`] ?? absent.level
  const version = labels[`${labelPrefix}${mode}-version`] ?? absent.version
  return {
    level: isPodSecurityLevel(level) ? level : broken,
    version: isPodSecurityVersion(version) ? version : 'latest',
  }
}

function labelCauses(labels: Readonly<Record<string, string>>, mode: PodSecurityMode): readonly StatusCause[] {
  const level = labels[`${labelPrefix}${mode}`]
  const version = labels[`${labelPrefix}${mode}-version`]
  const field = (name: string): string => `metadata.labels[${labelPrefix}${name}]`
  return [
    ...(level === undefined || isPodSecurityLevel(level) ? [] : [invalidValue(field(mode), level, levelProblem)]),
    ...(version === undefined || isPodSecurityVersion(version)
      ? []
      : [invalidValue(field(`${mode}-version`), version, versionProblem)]),
  ]
}

/** Labels that a namespace which is exempt carries in vain; `''` when there are none. */
export function ignoredPolicy(
  labels: Readonly<Record<string, string>> | undefined,
  policy: PodSecurityPolicy,
  defaults: PodSecurityPolicy,
): string {
  const isSame = podSecurityModes.every((mode) => formatLevel(policy[mode]) === formatLevel(defaults[mode]))
  const shown = podSecurityModes.filter((mode) => {
    const isLabelled = [mode, `${mode}-version`].some((name) => labels?.[`${labelPrefix}${name}`] !== undefined)
    return isLabelled && policy[mode].level !== 'privileged'
  })
  const isOpen = podSecurityModes.every((mode) => policy[mode].level === 'privileged')
  return isSame || isOpen ? '' : shown.map((mode) => `${mode}=${formatLevel(policy[mode])}`).join(', ')
}

/** Reads `KubeSchedulerConfiguration` and the flags into one value, with upstream's names, defaults and refusals. */
import { isJsonObject, type Json, type JsonObject } from '../apimachinery/json.ts'
import { defineFlags, type FlagValues, parseDuration } from '../component-base/flags.ts'
import { defaultPlugins, defaultProfile, type Profile, type WeightedPlugin } from './framework/profile.ts'

export const flags = defineFlags({
  config: { type: 'string', default: '', description: 'The path to the configuration file.' },
  kubeconfig: { type: 'string', default: '', description: 'Path to kubeconfig file with authorization information.' },
  'bind-address': { type: 'string', default: '0.0.0.0', description: 'The IP address on which to listen.' },
  'secure-port': {
    type: 'number',
    default: 10259,
    description: 'The port on which to serve HTTPS. If 0, do not serve HTTPS at all.',
  },
  'tls-cert-file': { type: 'string', default: '', description: 'File containing the x509 certificate for HTTPS.' },
  'tls-private-key-file': { type: 'string', default: '', description: 'File containing the matching private key.' },
  'leader-elect': {
    type: 'boolean',
    default: true,
    description: 'Gain leadership before executing the main loop. Enable this when running replicated components.',
  },
  'leader-elect-lease-duration': { type: 'duration', default: 15_000, description: 'Duration that non-leaders wait.' },
  'leader-elect-renew-deadline': { type: 'duration', default: 10_000, description: 'Limit for renewing the lease.' },
  'leader-elect-retry-period': { type: 'duration', default: 2_000, description: 'Wait between attempts.' },
  'leader-elect-resource-name': { type: 'string', default: 'kube-scheduler', description: 'Name of the Lease.' },
  'leader-elect-resource-namespace': { type: 'string', default: 'kube-system', description: 'Namespace of the Lease.' },
})

export type SchedulerConfig = {
  readonly kubeconfig: string
  readonly bindAddress: string
  readonly securePort: number
  readonly tlsCertFile: string
  readonly tlsPrivateKeyFile: string
  readonly leaderElection: {
    readonly leaderElect: boolean
    readonly leaseDurationMs: number
    readonly renewDeadlineMs: number
    readonly retryPeriodMs: number
    readonly resourceName: string
    readonly resourceNamespace: string
  }
  readonly podInitialBackoffMs: number
  readonly podMaxBackoffMs: number
  readonly profiles: readonly Profile[]
}

/** A configuration that cannot be used; lists everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Steps of upstream's default profile that are not plugins here, or ask nothing of pods that this scheduler places. */
const builtInNames: ReadonlySet<string> = new Set([
  'PrioritySort',
  'SchedulingGates',
  'DefaultBinder',
  'DefaultPreemption',
])

/** Merges flags and file; flags that stood on the command line win. Throws `ConfigError`. */
export function parseConfig(
  values: FlagValues<typeof flags>,
  given: ReadonlySet<string>,
  file: unknown,
): SchedulerConfig {
  const errors: string[] = []
  const root = readRoot(file, errors)
  const election = objectAt(root, 'leaderElection')
  const pick = <T>(flag: keyof typeof values, fromFile: T | undefined, fromFlag: T): T =>
    given.has(flag) ? fromFlag : (fromFile ?? fromFlag)
  const config: SchedulerConfig = {
    kubeconfig: pick('kubeconfig', textAt(objectAt(root, 'clientConnection'), 'kubeconfig'), values.kubeconfig),
    bindAddress: values['bind-address'],
    securePort: values['secure-port'],
    tlsCertFile: values['tls-cert-file'],
    tlsPrivateKeyFile: values['tls-private-key-file'],
    leaderElection: {
      leaderElect: pick('leader-elect', booleanAt(election, 'leaderElect'), values['leader-elect']),
      leaseDurationMs: pick(
        'leader-elect-lease-duration',
        durationAt(election, 'leaseDuration'),
        values['leader-elect-lease-duration'],
      ),
      renewDeadlineMs: pick(
        'leader-elect-renew-deadline',
        durationAt(election, 'renewDeadline'),
        values['leader-elect-renew-deadline'],
      ),
      retryPeriodMs: pick(
        'leader-elect-retry-period',
        durationAt(election, 'retryPeriod'),
        values['leader-elect-retry-period'],
      ),
      resourceName: pick(
        'leader-elect-resource-name',
        textAt(election, 'resourceName'),
        values['leader-elect-resource-name'],
      ),
      resourceNamespace: pick(
        'leader-elect-resource-namespace',
        textAt(election, 'resourceNamespace'),
        values['leader-elect-resource-namespace'],
      ),
    },
    podInitialBackoffMs: (numberAt(root, 'podInitialBackoffSeconds') ?? 1) * 1_000,
    podMaxBackoffMs: (numberAt(root, 'podMaxBackoffSeconds') ?? 10) * 1_000,
    profiles: readProfiles(root, errors),
  }
  validate(config, errors)
  if (errors.length > 0) throw new ConfigError(errors.join('; '))
  return config
}

function readRoot(file: unknown, errors: string[]): JsonObject {
  if (file === undefined) return {}
  if (!isJsonObject(file)) throw new ConfigError("couldn't get version/kind; the configuration is not an object")
  const { apiVersion, kind } = file
  if (kind !== 'KubeSchedulerConfiguration' || apiVersion !== 'kubescheduler.config.k8s.io/v1') {
    errors.push(`no kind "${String(kind)}" is registered for version "${String(apiVersion)}"`)
  }
  const known = new Set([
    ...['apiVersion', 'kind', 'parallelism', 'leaderElection', 'clientConnection', 'profiles', 'extenders'],
    ...['healthzBindAddress', 'metricsBindAddress', 'enableProfiling', 'enableContentionProfiling'],
    ...['percentageOfNodesToScore', 'podInitialBackoffSeconds', 'podMaxBackoffSeconds', 'delayCacheUntilActive'],
  ])
  for (const field of Object.keys(file))
    if (!known.has(field)) errors.push(`strict decoding error: unknown field "${field}"`)
  if (listAt(file, 'extenders').length > 0) errors.push('extenders: scheduler extenders are not supported')
  return file
}

function readProfiles(root: JsonObject, errors: string[]): readonly Profile[] {
  const percentage = numberAt(root, 'percentageOfNodesToScore') ?? 0
  const listed = listAt(root, 'profiles')
  if (listed.length === 0) return [{ ...defaultProfile, percentageOfNodesToScore: percentage }]
  return listed.map((profile, index) => {
    const path = `profiles[${index}]`
    if (listAt(profile, 'pluginConfig').length > 0)
      errors.push(`${path}.pluginConfig: plugin arguments are not supported`)
    return {
      schedulerName: textAt(profile, 'schedulerName') ?? 'default-scheduler',
      percentageOfNodesToScore: numberAt(profile, 'percentageOfNodesToScore') ?? percentage,
      ...readPlugins(objectAt(profile, 'plugins'), path, errors),
    }
  })
}

type PluginSets = Pick<Profile, 'filters' | 'scores' | 'isPreempting'>

function readPlugins(plugins: JsonObject, path: string, errors: string[]): PluginSets {
  const choose = (point: string, from: readonly WeightedPlugin[]) =>
    applyPluginSet(from, objectAt(plugins, point), `${path}.plugins.${point}`, errors)
  const all = choose('multiPoint', defaultPlugins)
  const isOff = (point: string) =>
    listAt(objectAt(plugins, point), 'disabled').some((each) =>
      ['*', 'DefaultPreemption'].includes(textAt(each, 'name') ?? ''),
    )
  return {
    filters: choose('filter', all)
      .map(({ plugin }) => plugin)
      .filter(({ filter }) => filter !== undefined),
    scores: choose('score', all).filter(({ plugin, weight }) => plugin.score !== undefined && weight > 0),
    isPreempting: !isOff('multiPoint') && !isOff('postFilter'),
  }
}

/** Removes what is disabled and adds or weighs anew what is enabled. */
function applyPluginSet(
  from: readonly WeightedPlugin[],
  set: JsonObject,
  path: string,
  errors: string[],
): readonly WeightedPlugin[] {
  const disabled = new Set(listAt(set, 'disabled').map((each) => textAt(each, 'name')))
  const kept = disabled.has('*') ? [] : from.filter(({ plugin }) => !disabled.has(plugin.name))
  const result = [...kept]
  for (const each of listAt(set, 'enabled')) {
    const name = textAt(each, 'name') ?? ''
    const known = defaultPlugins.find(({ plugin }) => plugin.name === name)
    if (known === undefined) {
      if (!builtInNames.has(name)) errors.push(`${path}.enabled: plugin "${name}" does not exist`)
      continue
    }
    const weight = numberAt(each, 'weight') ?? 0
    const chosen = { plugin: known.plugin, weight: weight === 0 ? Math.max(known.weight, 1) : weight }
    const position = result.findIndex(({ plugin }) => plugin === known.plugin)
    result.splice(position < 0 ? result.length : position, 1, chosen)
  }
  return result
}

function validate(
  { profiles, podInitialBackoffMs, podMaxBackoffMs, leaderElection }: SchedulerConfig,
  errors: string[],
) {
  const names = profiles.map(({ schedulerName }) => schedulerName)
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) errors.push(`profiles[${index}].schedulerName: Duplicate value: "${name}"`)
  }
  for (const { percentageOfNodesToScore } of profiles) {
    if (percentageOfNodesToScore < 0 || percentageOfNodesToScore > 100) {
      errors.push(`percentageOfNodesToScore: Invalid value: ${percentageOfNodesToScore}: not in valid range [0-100]`)
    }
  }
  if (podInitialBackoffMs <= 0) errors.push('podInitialBackoffSeconds: Invalid value: must be greater than 0')
  if (podMaxBackoffMs < podInitialBackoffMs) {
    errors.push('podMaxBackoffSeconds: Invalid value: must be greater than or equal to PodInitialBackoffSeconds')
  }
  if (leaderElection.leaseDurationMs <= leaderElection.renewDeadlineMs) {
    errors.push('leaderElection.leaseDuration: Invalid value: LeaseDuration must be greater than RenewDeadline')
  }
}

function objectAt(object: JsonObject, field: string): JsonObject {
  const value = object[field]
  return isJsonObject(value) ? value : {}
}

function listAt(object: JsonObject, field: string): readonly JsonObject[] {
  const value: Json | undefined = object[field]
  return Array.isArray(value) ? value.filter(isJsonObject) : []
}

function textAt(object: JsonObject, field: string): string | undefined {
  const value = object[field]
  return typeof value === 'string' ? value : undefined
}

function numberAt(object: JsonObject, field: string): number | undefined {
  const value = object[field]
  return typeof value === 'number' ? value : undefined
}

function booleanAt(object: JsonObject, field: string): boolean | undefined {
  const value = object[field]
  return typeof value === 'boolean' ? value : undefined
}

function durationAt(object: JsonObject, field: string): number | undefined {
  const text = textAt(object, field)
  return text === undefined ? undefined : parseDuration(text)
}

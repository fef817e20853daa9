/** Rules of containers. Source: `validateContainers`, `validateInitContainers`, `validateEphemeralContainers`. */
import { duplicate, fieldNotFound, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isPortName, isPortNumber } from '../../apimachinery/names.ts'
import { atMost, type Causes, each, invalidValues, oneOf, oneOfInOrder, repeats, when } from '../meta/causes.ts'
import { validateEnv, validateEnvFrom } from './env.ts'
import { isSidecar } from './pod-resources.ts'
import { validateLifecycle, validateProbes } from './probes.ts'
import { validateResources } from './resource-requirements.ts'
import { validateSecurityContext } from './security-context.ts'
import type { Container, ContainerPort, EphemeralContainer, PodSpec } from './v1.ts'
import { type KnownVolumes, validateDevices, validateMounts } from './volumes.ts'

const protocols = ['SCTP', 'TCP', 'UDP']

/** What the rules of a container need to know of its pod. */
type PodFacts = { readonly spec: PodSpec; readonly known: KnownVolumes }

/** All containers of a pod: regular, init and ephemeral; names are unique across the three. */
export function validateContainers(spec: PodSpec, known: KnownVolumes, field: string): Causes {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec
  const pod = { spec, known }
  const names = containers.map(({ name }) => name)
  const initNames = initContainers.map(({ name }) => name)
  const ownNames = ephemeralContainers.map(({ name }) => name)
  const again = repeated(names, [])
  const initAgain = repeated(initNames, names)
  const ownAgain = repeated(ownNames, [...names, ...initNames])
  return [
    ...when(containers.length === 0, required(`${field}.containers`)),
    ...each(`${field}.containers`, containers, (container, path, index) => [
      ...validateCommon(container, pod, path),
      ...when(again.has(index), () => duplicate(`${path}.name`, container.name)),
      ...validateLifecycleAndProbes(container, spec, path),
      ...validateRestartPolicy(container, path),
    ]),
    ...hostPortConflicts(containers, `${field}.containers`),
    ...each(`${field}.initContainers`, initContainers, (container, path, index) => [
      ...validateCommon(container, pod, path),
      ...validateRestartPolicy(container, path),
      ...when(container.name !== '' && initAgain.has(index), () => duplicate(`${path}.name`, container.name)),
      // Init containers run one by one; upstream looks at each as if it were alone.
      ...hostPortConflicts([container], `${field}.initContainers`),
      ...(isSidecar(container) ? validateLifecycleAndProbes(container, spec, path) : validateRunsOnce(container, path)),
    ]),
    ...each(`${field}.ephemeralContainers`, ephemeralContainers, (container, path, index) => [
      ...validateCommon(container, pod, path),
      ...validateTrimmedImage(container.image, `${path}.image`),
      ...when(ownAgain.has(index), () => duplicate(`${path}.name`, container.name)),
      ...validateEphemeralContainer(container, [...names, ...initNames], path),
    ]),
  ]
}

/** The indexes of names that were there before, here or among the others. */
function repeated(names: readonly string[], others: readonly string[]): ReadonlySet<number> {
  return new Set(repeats([...others, ...names]).map((index) => index - others.length))
}

/** A pod's image must be exact; a template's may still be filled in. Source: `validateContainerOnlyForPod`. */
export function validateTrimmedImage(image = '', field: string): Causes {
  return when(image !== image.trim(), () => invalidValue(field, image, 'must not have leading or trailing whitespace'))
}

function validateLifecycleAndProbes(container: Container, spec: PodSpec, field: string): Causes {
  return [
    ...validateLifecycle(container.lifecycle, `${field}.lifecycle`, spec.terminationGracePeriodSeconds),
    ...validateProbes(container, field, spec.terminationGracePeriodSeconds),
  ]
}

function validateRunsOnce(container: Container, field: string): Causes {
  const onlySidecars = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const
  return [
    ...onlySidecars
      .filter((key) => container[key] !== undefined)
      .map((key) =>
        forbiddenField(`${field}.${key}`, 'may not be set for init containers without restartPolicy=Always'),
      ),
    ...each(`${field}.resizePolicy`, container.resizePolicy, ({ restartPolicy }, path) =>
      when(restartPolicy === 'RestartContainer', () =>
        invalidValue(
          `${path}.restartPolicy`,
          restartPolicy,
          "must not be set to 'RestartContainer' for non-sidecar initContainers",
        ),
      ),
    ),
  ]
}

/** What a debugging container may not have, in Go's order. Source: `allowedEphemeralContainerFields`. */
const notForEphemeral = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const

function validateEphemeralContainer(container: EphemeralContainer, others: readonly string[], field: string): Causes {
  const { targetContainerName: target = '', volumeMounts } = container
  const cannot = 'cannot be set for an Ephemeral Container'
  const given = notForEphemeral.filter((key) => Object.keys(container[key] ?? {}).length > 0)
  return [
    ...when(target !== '' && !others.includes(target), () => fieldNotFound(`${field}.targetContainerName`, target)),
    ...given.map((key) => forbiddenField(`${field}.${key}`, cannot)),
    ...each(`${field}.volumeMounts`, volumeMounts, ({ subPath = '', subPathExpr = '' }, path) => [
      ...when(subPath !== '', forbiddenField(`${path}.subPath`, cannot)),
      ...when(subPathExpr !== '', forbiddenField(`${path}.subPathExpr`, cannot)),
    ]),
  ]
}

function validateCommon(container: Container, { spec, known }: PodFacts, field: string): Causes {
  const { name, image = '', terminationMessagePolicy = '', imagePullPolicy = '' } = container
  const claims = (spec.resourceClaims ?? []).map((claim) => claim.name)
  return [
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isDns1123Label(name))),
    ...when(image === '', required(`${field}.image`)),
    ...oneOfInOrder(`${field}.terminationMessagePolicy`, terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...validatePorts(container.ports, `${field}.ports`),
    ...validateEnv(container.env, `${field}.env`),
    ...validateEnvFrom(container.envFrom, `${field}.envFrom`),
    ...validateMounts(container, known, field),
    ...validateDevices(container, known, field),
    ...(imagePullPolicy === ''
      ? [required(`${field}.imagePullPolicy`)]
      : oneOf(`${field}.imagePullPolicy`, imagePullPolicy, ['Always', 'IfNotPresent', 'Never'])),
    ...validateResources(container.resources, `${field}.resources`, claims),
    ...validateResizePolicy(container, spec, `${field}.resizePolicy`),
    ...validateSecurityContext(container.securityContext, `${field}.securityContext`, spec.hostUsers !== false),
  ]
}

function validatePorts(ports: readonly ContainerPort[] | undefined, field: string): Causes {
  const again = new Set(repeats((ports ?? []).map((port, index) => port.name || `\u0000${index}`)))
  return each(field, ports, ({ name = '', containerPort, hostPort = 0, protocol = '' }, path, index) => {
    const messages = name === '' ? [] : isPortName(name)
    return [
      ...invalidValues(`${path}.name`, name, messages),
      ...when(messages.length === 0 && again.has(index), () => duplicate(`${path}.name`, name)),
      ...(containerPort === 0
        ? [required(`${path}.containerPort`)]
        : invalidValues(`${path}.containerPort`, containerPort, isPortNumber(containerPort))),
      ...(hostPort === 0 ? [] : invalidValues(`${path}.hostPort`, hostPort, isPortNumber(hostPort))),
      ...(protocol === '' ? [required(`${path}.protocol`)] : oneOf(`${path}.protocol`, protocol, protocols)),
    ]
  })
}

/** Source: `AccumulateUniqueHostPorts`. */
function hostPortConflicts(containers: readonly Container[], field: string): Causes {
  const all = containers.flatMap((container, c) =>
    (container.ports ?? []).flatMap((port, p) =>
      (port.hostPort ?? 0) === 0
        ? []
        : [
            {
              path: `${field}[${c}].ports[${p}].hostPort`,
              key: `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`,
            },
          ],
    ),
  )
  return repeats(all.map(({ key }) => key)).map((index) => duplicate(all[index]?.path ?? '', all[index]?.key))
}

/** Source: `validateContainerRestartPolicy`. */
const maxRules = 20
const maxExitCodes = 255

function validateRestartPolicy({ restartPolicy, restartPolicyRules = [] }: Container, field: string): Causes {
  return [
    ...(restartPolicy === undefined
      ? when(
          restartPolicyRules.length > 0,
          required(`${field}.restartPolicy`, 'must specify restartPolicy when restart rules are used'),
        )
      : oneOf(`${field}.restartPolicy`, restartPolicy, ['Always', 'Never', 'OnFailure'])),
    ...atMost(`${field}.restartPolicyRules`, restartPolicyRules, maxRules),
    ...each(`${field}.restartPolicyRules`, restartPolicyRules, ({ action, exitCodes }, path) => [
      ...oneOf(`${path}.action`, action, ['Restart', 'RestartAllContainers']),
      ...(exitCodes === undefined
        ? [required(`${path}.exitCodes`, 'must be specified')]
        : [
            ...oneOf(`${path}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn']),
            ...atMost(`${path}.exitCodes.values`, exitCodes.values, maxExitCodes),
          ]),
    ]),
  ]
}

function validateResizePolicy({ resizePolicy }: Container, { restartPolicy }: PodSpec, field: string): Causes {
  const again = new Set(repeats((resizePolicy ?? []).map(({ resourceName }) => resourceName)))
  return each(field, resizePolicy, (policy, path, index) => [
    ...when(again.has(index), () => duplicate(path, policy.resourceName)),
    ...oneOfInOrder(field, policy.resourceName, ['cpu', 'memory']),
    ...oneOfInOrder(field, policy.restartPolicy, ['NotRequired', 'RestartContainer']),
    ...when(restartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired', () =>
      invalidValue(field, policy.restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"),
    ),
  ])
}

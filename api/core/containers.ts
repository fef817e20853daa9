/** Rules of containers. Source: `validateContainers`, `validateInitContainers`, `validateEphemeralContainers`. */
import { duplicate, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isPortName, isPortNumber } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateEnv, validateEnvFrom } from './env.ts'
import { isSidecar } from './pod-resources.ts'
import { validateLifecycle, validateProbes } from './probes.ts'
import { validateResources } from './resource-requirements.ts'
import { validateSecurityContext } from './security-context.ts'
import type { Container, ContainerPort, EphemeralContainer, PodSpec } from './v1.ts'
import { validateDevices, validateMounts } from './volumes.ts'

const protocols = ['SCTP', 'TCP', 'UDP']

/** All containers of a pod: regular, init and ephemeral; names are unique across the three. */
export function validateContainers(spec: PodSpec, field: string): Causes {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec
  const names = containers.map(({ name }) => name)
  const initNames = initContainers.map(({ name }) => name)
  return [
    ...when(containers.length === 0, required(`${field}.containers`)),
    ...each(`${field}.containers`, containers, (container, path) => validateContainer(container, spec, path)),
    ...duplicates(names, [], `${field}.containers`),
    ...hostPortConflicts(containers, `${field}.containers`),
    ...each(`${field}.initContainers`, initContainers, (container, path) =>
      validateInitContainer(container, spec, path),
    ),
    ...duplicates(initNames, names, `${field}.initContainers`),
    ...each(`${field}.ephemeralContainers`, ephemeralContainers, (container, path) =>
      validateEphemeralContainer(container, spec, path),
    ),
    ...duplicates(
      ephemeralContainers.map(({ name }) => name),
      [...names, ...initNames],
      `${field}.ephemeralContainers`,
    ),
  ]
}

function duplicates(names: readonly string[], others: readonly string[], field: string): Causes {
  return repeats([...others, ...names])
    .map((index) => index - others.length)
    .filter((index) => index >= 0 && names[index] !== '')
    .map((index) => duplicate(`${field}[${index}].name`, names[index]))
}

function validateContainer(container: Container, spec: PodSpec, field: string): Causes {
  return [
    ...validateCommon(container, spec, field),
    ...validateProbes(container, field, spec.terminationGracePeriodSeconds),
    ...validateLifecycle(container.lifecycle, `${field}.lifecycle`, spec.terminationGracePeriodSeconds),
    ...validateRestartPolicy(container, field),
  ]
}

function validateInitContainer(container: Container, spec: PodSpec, field: string): Causes {
  if (isSidecar(container)) return validateContainer(container, spec, field)
  const onlySidecars = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const
  return [
    ...validateCommon(container, spec, field),
    ...onlySidecars
      .filter((key) => container[key] !== undefined)
      .map((key) =>
        forbiddenField(`${field}.${key}`, 'may not be set for init containers without restartPolicy=Always'),
      ),
    ...validateRestartPolicy(container, field),
  ]
}

/** What a debugging container may not have. Source: `allowedEphemeralContainerFields`. */
const notForEphemeral = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'restartPolicy',
  'resizePolicy',
] as const

function validateEphemeralContainer(container: EphemeralContainer, spec: PodSpec, field: string): Causes {
  const target = container.targetContainerName ?? ''
  const resources = container.resources ?? {}
  return [
    ...validateCommon(container, spec, field),
    ...notForEphemeral
      .filter((key) => container[key] !== undefined)
      .map((key) => forbiddenField(`${field}.${key}`, 'cannot be set for an Ephemeral Container')),
    ...when(
      Object.keys(resources).length > 0,
      forbiddenField(`${field}.resources`, 'cannot be set for an Ephemeral Container'),
    ),
    ...when(
      target !== '' && ![...spec.containers, ...(spec.initContainers ?? [])].some(({ name }) => name === target),
      { reason: 'FieldValueNotFound', message: `Not found: "${target}"`, field: `${field}.targetContainerName` },
    ),
    ...(container.volumeMounts ?? []).flatMap((mount, index) => [
      ...when(
        (mount.subPath ?? '') !== '',
        forbiddenField(`${field}.volumeMounts[${index}].subPath`, 'cannot be set for an Ephemeral Container'),
      ),
    ]),
  ]
}

function validateCommon(container: Container, spec: PodSpec, field: string): Causes {
  const { name, image = '', terminationMessagePolicy, imagePullPolicy = '' } = container
  const claims = (spec.resourceClaims ?? []).map((claim) => claim.name)
  return [
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isDns1123Label(name))),
    ...when(image === '', required(`${field}.image`)),
    ...oneOf(`${field}.terminationMessagePolicy`, terminationMessagePolicy, ['FallbackToLogsOnError', 'File']),
    ...validatePorts(container.ports, `${field}.ports`, spec.hostNetwork === true),
    ...validateEnv(container.env, `${field}.env`),
    ...validateEnvFrom(container.envFrom, `${field}.envFrom`),
    ...validateMounts(container, spec.volumes, field),
    ...validateDevices(container.volumeDevices, spec.volumes, `${field}.volumeDevices`),
    ...(imagePullPolicy === ''
      ? [required(`${field}.imagePullPolicy`)]
      : oneOf(`${field}.imagePullPolicy`, imagePullPolicy, ['Always', 'IfNotPresent', 'Never'])),
    ...validateResources(container.resources, `${field}.resources`, claims),
    ...validateResizePolicy(container, spec, `${field}.resizePolicy`),
    ...validateSecurityContext(container.securityContext, `${field}.securityContext`, spec.hostUsers !== false),
  ]
}

function validatePorts(ports: readonly ContainerPort[] | undefined, field: string, hostNetwork: boolean): Causes {
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
      ...when(hostNetwork && hostPort !== 0 && hostPort !== containerPort, () =>
        invalidValue(`${path}.containerPort`, containerPort, 'must match `hostPort` when `hostNetwork` is true'),
      ),
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

function validateRestartPolicy({ restartPolicy, restartPolicyRules = [] }: Container, field: string): Causes {
  return [
    ...(restartPolicy === undefined
      ? when(
          restartPolicyRules.length > 0,
          required(`${field}.restartPolicy`, 'must specify restartPolicy when restart rules are used'),
        )
      : oneOf(`${field}.restartPolicy`, restartPolicy, ['Always', 'Never', 'OnFailure'])),
    ...when(restartPolicyRules.length > 20, {
      reason: 'FieldValueTooMany',
      message: `Too many: ${restartPolicyRules.length}: must have at most 20 items`,
      field: `${field}.restartPolicyRules`,
    }),
    ...each(`${field}.restartPolicyRules`, restartPolicyRules, ({ action, exitCodes }, path) => [
      ...oneOf(`${path}.action`, action, ['Restart', 'RestartAllContainers']),
      ...(exitCodes === undefined
        ? [required(`${path}.exitCodes`, 'must be specified')]
        : oneOf(`${path}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn'])),
    ]),
  ]
}

function validateResizePolicy({ resizePolicy }: Container, { restartPolicy }: PodSpec, field: string): Causes {
  const again = new Set(repeats((resizePolicy ?? []).map(({ resourceName }) => resourceName)))
  return each(field, resizePolicy, (policy, path, index) => [
    ...when(again.has(index), () => duplicate(path, policy.resourceName)),
    ...oneOf(path, policy.resourceName, ['cpu', 'memory']),
    ...oneOf(path, policy.restartPolicy, ['NotRequired', 'RestartContainer']),
    ...when(restartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired', () =>
      invalidValue(path, policy.restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"),
    ),
  ])
}

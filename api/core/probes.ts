/** Rules of probes and lifecycle handlers. Source: `validateProbe`, `validateHandler`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isHttpHeaderName, isPortName, isPortNumber } from '../../apimachinery/names.ts'
import { type Causes, invalidValues, nonNegative, oneOf, when } from '../meta/causes.ts'
import type { Container, HTTPGetAction, LifecycleHandler, Probe } from './v1.ts'

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>

/** All three probes of a container. */
export function validateProbes(container: Container, field: string, graceSeconds: number | undefined): Causes {
  const { livenessProbe, readinessProbe, startupProbe } = container
  return [
    ...validateProbe(livenessProbe, `${field}.livenessProbe`, graceSeconds),
    ...mustSucceedOnce(livenessProbe, `${field}.livenessProbe`),
    ...validateProbe(readinessProbe, `${field}.readinessProbe`, graceSeconds),
    ...when(readinessProbe?.terminationGracePeriodSeconds !== undefined, () =>
      invalidValue(
        `${field}.readinessProbe.terminationGracePeriodSeconds`,
        readinessProbe?.terminationGracePeriodSeconds,
        'must not be set for readinessProbes',
      ),
    ),
    ...validateProbe(startupProbe, `${field}.startupProbe`, graceSeconds),
    ...mustSucceedOnce(startupProbe, `${field}.startupProbe`),
  ]
}

function mustSucceedOnce(probe: Probe | undefined, field: string): Causes {
  return probe === undefined || probe.successThreshold === 1
    ? []
    : [invalidValue(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1')]
}

function validateProbe(probe: Probe | undefined, field: string, graceSeconds: number | undefined): Causes {
  if (probe === undefined) return []
  const counts = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const
  const grace = probe.terminationGracePeriodSeconds
  return [
    ...validateHandler(probe, field, graceSeconds),
    ...counts.flatMap((key) => nonNegative(`${field}.${key}`, probe[key])),
    ...when(grace !== undefined && grace <= 0, () =>
      invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'),
    ),
  ]
}

/** What runs after the start and before the stop of a container. */
export function validateLifecycle(
  lifecycle: Container['lifecycle'],
  field: string,
  graceSeconds: number | undefined,
): Causes {
  return [
    ...(lifecycle?.postStart === undefined
      ? []
      : validateHandler(lifecycle.postStart, `${field}.postStart`, graceSeconds)),
    ...(lifecycle?.preStop === undefined ? [] : validateHandler(lifecycle.preStop, `${field}.preStop`, graceSeconds)),
  ]
}

const handlerTypes = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const

function validateHandler(handler: Handler, field: string, graceSeconds: number | undefined): Causes {
  const [first, ...others] = handlerTypes.filter((type) => handler[type] !== undefined)
  if (first === undefined) return [required(field, 'must specify a handler type')]
  return [
    ...validateAction(handler, first, `${field}.${first}`, graceSeconds),
    ...others.map((type) => forbiddenField(`${field}.${type}`, 'may not specify more than 1 handler type')),
  ]
}

function validateAction(
  { exec, httpGet, tcpSocket, grpc, sleep }: Handler,
  type: (typeof handlerTypes)[number],
  field: string,
  graceSeconds = 30,
): Causes {
  switch (type) {
    case 'exec':
      return when((exec?.command ?? []).length === 0, required(`${field}.command`))
    case 'httpGet':
      return httpGet === undefined ? [] : validateHttpGet(httpGet, field)
    case 'tcpSocket':
      return validatePort(tcpSocket?.port ?? 0, `${field}.port`)
    case 'grpc':
      return validatePort(grpc?.port ?? 0, `${field}.port`)
    case 'sleep':
      return when((sleep?.seconds ?? 0) < 0 || (sleep?.seconds ?? 0) > graceSeconds, () =>
        invalidValue(
          field,
          sleep?.seconds,
          `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
        ),
      )
  }
}

function validateHttpGet({ path = '', port, scheme, httpHeaders = [] }: HTTPGetAction, field: string): Causes {
  return [
    ...when(path === '', required(`${field}.path`)),
    ...validatePort(port ?? 0, `${field}.port`),
    ...oneOf(`${field}.scheme`, scheme, ['HTTP', 'HTTPS']),
    ...httpHeaders.flatMap(({ name }) => invalidValues(`${field}.httpHeaders`, name, isHttpHeaderName(name))),
  ]
}

/** A number, or the name of one of the container's ports. */
export function validatePort(port: number | string, field: string): Causes {
  return invalidValues(field, port, typeof port === 'number' ? isPortNumber(port) : isPortName(port))
}

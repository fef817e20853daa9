/**
 * What a pod's or a pod template's fields become when the author leaves them out.
 * Some defaults hold for pods only, not for templates, so that a template stays as it was written.
 * Source: pkg/apis/core/v1/defaults.go.
 */

import { podLevelResources } from './pod-resources.ts'
import { pullPolicyOf } from './pull-policy.ts'
import type {
  Container,
  ContainerPort,
  EnvVar,
  HTTPGetAction,
  LifecycleHandler,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from './v1.ts'
import { volumeDefaults } from './volume-defaults.ts'

/** Defaults of a pod: those of a template, and what only real pods get. */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  const base = defaultPodTemplateSpec(spec)
  const finish = (container: Container) => ({
    ...container,
    resources: requestsFromLimits(container.resources),
    ...(spec.hostNetwork === true && container.ports !== undefined ? { ports: container.ports.map(hostPort) } : {}),
  })
  return podLevelResources({
    ...base,
    enableServiceLinks: base.enableServiceLinks ?? true,
    containers: (base.containers ?? []).map(finish),
    ...(base.initContainers === undefined ? {} : { initContainers: base.initContainers.map(finish) }),
  })
}

/** Defaults that pods and pod templates share. */
export function defaultPodTemplateSpec(spec: PodSpec): PodSpec {
  return mirrorServiceAccount({
    ...spec,
    dnsPolicy: spec.dnsPolicy || 'ClusterFirst',
    restartPolicy: spec.restartPolicy || 'Always',
    securityContext: spec.securityContext ?? {},
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    schedulerName: spec.schedulerName || 'default-scheduler',
    ...(spec.containers === undefined ? {} : { containers: spec.containers.map(defaultContainer) }),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(defaultContainer) }),
    ...(spec.ephemeralContainers === undefined
      ? {}
      : { ephemeralContainers: spec.ephemeralContainers.map(defaultContainer) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(volumeDefaults) }),
  })
}

/** `serviceAccount` is the old name of `serviceAccountName`; the API always shows both. */
export function mirrorServiceAccount(spec: PodSpec): PodSpec {
  const name = spec.serviceAccountName || spec.serviceAccount
  return name === undefined || name === '' ? spec : { ...spec, serviceAccountName: name, serviceAccount: name }
}

/** Defaults of a workload's pod template. */
export function defaultPodTemplate<T extends Pick<PodTemplateSpec, 'spec'>>(template: T): T {
  return { ...template, spec: defaultPodTemplateSpec(template.spec) }
}

function defaultContainer<T extends Container>(container: T): T {
  return {
    ...container,
    imagePullPolicy: container.imagePullPolicy || pullPolicyOf(container.image ?? ''),
    terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy || 'File',
    ...(container.ports === undefined ? {} : { ports: container.ports.map(defaultPort) }),
    ...(container.env === undefined ? {} : { env: container.env.map(defaultEnv) }),
    ...probeDefaults(container),
    ...(container.lifecycle === undefined ? {} : { lifecycle: lifecycleDefaults(container.lifecycle) }),
  }
}

function defaultPort(port: ContainerPort): ContainerPort {
  return { ...port, protocol: port.protocol || 'TCP' }
}

function hostPort(port: ContainerPort): ContainerPort {
  return { ...port, hostPort: port.hostPort || port.containerPort }
}

function defaultEnv(env: EnvVar): EnvVar {
  const { fieldRef, resourceFieldRef } = env.valueFrom ?? {}
  if (fieldRef === undefined && resourceFieldRef === undefined) return env
  return {
    ...env,
    valueFrom: {
      ...env.valueFrom,
      ...(fieldRef === undefined ? {} : { fieldRef: { ...fieldRef, apiVersion: fieldRef.apiVersion || 'v1' } }),
      ...(resourceFieldRef === undefined
        ? {}
        : { resourceFieldRef: { ...resourceFieldRef, divisor: resourceFieldRef.divisor ?? '0' } }),
    },
  }
}

function probeDefaults({ livenessProbe, readinessProbe, startupProbe }: Container): Partial<Container> {
  return {
    ...(livenessProbe === undefined ? {} : { livenessProbe: defaultProbe(livenessProbe) }),
    ...(readinessProbe === undefined ? {} : { readinessProbe: defaultProbe(readinessProbe) }),
    ...(startupProbe === undefined ? {} : { startupProbe: defaultProbe(startupProbe) }),
  }
}

function defaultProbe(probe: Probe): Probe {
  return {
    ...probe,
    ...(probe.httpGet === undefined ? {} : { httpGet: defaultHttpGet(probe.httpGet) }),
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  }
}

function lifecycleDefaults(lifecycle: NonNullable<Container['lifecycle']>): NonNullable<Container['lifecycle']> {
  return {
    ...lifecycle,
    ...(lifecycle.postStart === undefined ? {} : { postStart: defaultHandler(lifecycle.postStart) }),
    ...(lifecycle.preStop === undefined ? {} : { preStop: defaultHandler(lifecycle.preStop) }),
  }
}

function defaultHandler(handler: LifecycleHandler): LifecycleHandler {
  return handler.httpGet === undefined ? handler : { ...handler, httpGet: defaultHttpGet(handler.httpGet) }
}

function defaultHttpGet(action: HTTPGetAction): HTTPGetAction {
  return { ...action, path: action.path || '/', scheme: action.scheme || 'HTTP' }
}

function requestsFromLimits(resources: ResourceRequirements): ResourceRequirements {
  return resources?.limits === undefined
    ? (resources ?? {})
    : { ...resources, requests: { ...resources.limits, ...resources.requests } }
}

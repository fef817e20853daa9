/** Requests and limits as the kernel counts them. Source: upstream `pkg/kubelet/cm/helpers_linux.go` and `qos/policy.go`. */
import { qosClass } from '../../api/core/pod-resources.ts'
import type { Container, Pod, ResourceRequirements } from '../../api/core/v1.ts'
import { formatQuantity, milliValue, wholeValue } from '../../apimachinery/quantity.ts'
import type { CriDraft } from '../runtime/cri.ts'
import type { RuntimeResources } from '../runtime/runtime-pod.ts'

const minShares = 2
const maxShares = 262_144
const sharesPerCpu = 1024
const quotaPeriodUs = 100_000
const minQuotaUs = 1000
/** Thousandths of a core that `minQuotaUs` stands for. */
const minMilliCpuLimit = 10

/** Relative weight of a request in thousandths of a core. */
export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return minShares
  return Math.min(Math.max(Math.floor((milliCpu * sharesPerCpu) / 1000), minShares), maxShares)
}

/** Microseconds of processor time in each period for a limit in thousandths of a core; 0: no limit. */
export function cpuQuota(milliCpu: number): number {
  if (milliCpu === 0) return 0
  return Math.max(Math.floor((milliCpu * quotaPeriodUs) / 1000), minQuotaUs)
}

/** What the runtime is told about one container. */
export function containerResources(
  pod: Pod,
  { resources }: Container,
  node: { readonly memoryBytes: number },
): CriDraft<'LinuxContainerResources'> {
  const cpuRequest = resources.requests?.['cpu'] ?? resources.limits?.['cpu'] ?? '0'
  const cpuLimit = milliValue(resources.limits?.['cpu'] ?? '0')
  const memoryLimit = wholeValue(resources.limits?.['memory'] ?? '0')
  const memoryRequest = wholeValue(resources.requests?.['memory'] ?? resources.limits?.['memory'] ?? '0')
  return {
    cpuShares: cpuShares(milliValue(cpuRequest)),
    ...(cpuLimit === 0 ? {} : { cpuPeriod: quotaPeriodUs, cpuQuota: cpuQuota(cpuLimit) }),
    ...(memoryLimit === 0 ? {} : { memoryLimitInBytes: memoryLimit }),
    oomScoreAdj: oomScoreAdjust(pod, memoryRequest, node.memoryBytes),
  }
}

/**
 * Granted resources with the amounts that the kernel has in fact. Amounts below what the kernel can tell apart are taken as
 * granted. Source: upstream `convertContainerStatusResources`.
 */
export function resourcesFromRuntime(granted: ResourceRequirements, actual: RuntimeResources): ResourceRequirements {
  const { requests, limits } = granted
  const cpuRequest = Math.ceil((actual.cpuShares * 1000) / sharesPerCpu)
  const cpuLimit = Math.ceil((actual.cpuQuota * 1000) / quotaPeriodUs)
  const memory = formatQuantity({ nano: BigInt(actual.memoryLimitBytes) * 1_000_000_000n, format: 'BinarySI' })
  const isTold = (milli: number, wanted: string | undefined, least: number) =>
    milli > 0 && (milli > least || milliValue(wanted ?? '0') > least)
  return {
    ...(requests === undefined
      ? {}
      : { requests: { ...requests, ...(isTold(cpuRequest, requests['cpu'], minShares) ? milli(cpuRequest) : {}) } }),
    ...(limits === undefined
      ? {}
      : {
          limits: {
            ...limits,
            ...(isTold(cpuLimit, limits['cpu'], minMilliCpuLimit) ? milli(cpuLimit) : {}),
            ...(actual.memoryLimitBytes > 0 ? { memory } : {}),
          },
        }),
  }
}

function milli(amount: number): { readonly cpu: string } {
  return { cpu: formatQuantity({ nano: BigInt(amount) * 1_000_000n, format: 'DecimalSI' }) }
}

/** Who dies first when memory runs out: best-effort (1000) before burstable before guaranteed (-997). */
export function oomScoreAdjust(pod: Pod, memoryRequest: number, memoryCapacity: number): number {
  if ((pod.spec.priority ?? 0) >= systemCriticalPriority) return -997
  const qos = qosClass(pod.spec)
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  const score = 1000 - Math.floor((1000 * memoryRequest) / memoryCapacity)
  if (score < 3) return 3
  return score === 1000 ? 999 : score
}

/** Priority of `system-cluster-critical`. */
const systemCriticalPriority = 2_000_000_000

export type PodResources = { readonly milliCpu: number; readonly memoryBytes: number; readonly limits: PodLimits }
export type PodLimits = { readonly milliCpu?: number; readonly memoryBytes?: number }

/** Sums over the containers that run together; limits only where every container has one. */
export function podCgroupResources({ spec }: Pod): PodResources {
  const all = [
    ...spec.containers,
    ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ]
  const inits = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy !== 'Always')
  const total = (name: 'cpu' | 'memory', value: (text: string) => number, field: 'requests' | 'limits') => {
    const running = all.reduce((sum, { resources }) => sum + value(amount(resources, name, field)), 0)
    const initial = Math.max(0, ...inits.map(({ resources }) => value(amount(resources, name, field))))
    return Math.max(running, initial) + value(spec.overhead?.[name] ?? '0')
  }
  const limited = (name: 'cpu' | 'memory') =>
    [...all, ...inits].every(({ resources }) => resources.limits?.[name] !== undefined)
  return {
    milliCpu: total('cpu', milliValue, 'requests'),
    memoryBytes: total('memory', wholeValue, 'requests'),
    limits: {
      ...(limited('cpu') ? { milliCpu: total('cpu', milliValue, 'limits') } : {}),
      ...(limited('memory') ? { memoryBytes: total('memory', wholeValue, 'limits') } : {}),
    },
  }
}

function amount(resources: Container['resources'], name: string, field: 'requests' | 'limits'): string {
  return resources[field]?.[name] ?? (field === 'requests' ? resources.limits?.[name] : undefined) ?? '0'
}

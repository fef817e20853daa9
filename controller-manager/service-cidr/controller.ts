/** The service-cidr controller: finalizers and the Ready condition of ServiceCIDRs. */
import { objectKey } from '../../apimachinery/brand.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { ipAddresses as addressesRef, serviceCidrs as cidrsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { setFinalizer } from '../owner/finalizer.ts'
import { type Action, finalizer, plan, related } from './plan.ts'

const controllerName = 'service-cidr-controller'

/** Wires the controller. */
export function startServiceCidrController(context: ControllerContext): Task {
  const { client, informers, logger, clock } = context
  const serviceCidrs = informers.of(cidrsRef)
  const addresses = informers.of(addressesRef)
  const queue = newQueue(context)
  const addRelated = (text: string): void => {
    const names = new Set(related(text, serviceCidrs.list()))
    for (const one of serviceCidrs.list()) if (names.has(one.metadata.name)) queue.add(objectKey(one))
  }
  serviceCidrs.onChange(({ object }) => {
    queue.add(objectKey(object))
    for (const cidr of object.spec.cidrs ?? []) addRelated(cidr)
  })
  addresses.onChange(({ type, object }) => {
    if (type !== 'updated') addRelated(object.metadata.name)
  })
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    const { serviceCidr } = action
    if (action.type !== 'setReady') {
      const isWanted = action.type === 'protect'
      const written = await setFinalizer(client, cidrsRef, serviceCidr, finalizer, isWanted, signal)
      if (written !== undefined && isWanted) await whenShown(serviceCidrs, written, signal)
      return
    }
    const { name } = serviceCidr.metadata
    const condition = { type: 'Ready', ...action.condition, lastTransitionTime: formatTime(clock.now()) }
    const body = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name },
      status: { conditions: [condition] },
    }
    const patch = { type: 'apply', body, subresource: 'status', fieldManager: controllerName, force: true } as const
    await whenShown(serviceCidrs, await client.patch(cidrsRef, { name }, patch, signal), signal)
  }
  return controllerTask(
    [serviceCidrs, addresses],
    {
      name: controllerName,
      queue,
      observe: (key) => {
        const serviceCidr = serviceCidrs.get(key)
        if (serviceCidr === undefined) return undefined
        return { serviceCidr, all: serviceCidrs.list(), addresses: addresses.list(), nowMs: clock.now() }
      },
      plan,
      apply,
      report: reportTo(logger, controllerName),
    },
    1,
  )
}

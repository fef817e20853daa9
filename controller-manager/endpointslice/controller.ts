/** The EndpointSlice controller: where the pods of a Service are. Start reading at `plan.ts`. */

import { namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import {
  nodes as nodesRef,
  pods as podsRef,
  services as servicesRef,
  endpointSlices as slicesRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { isNamespaceTerminating, messageOf } from '../pod/control.ts'
import { type Action, controllerName, plan } from './plan.ts'
import { managedByLabel, serviceNameLabel } from './reconcile.ts'
import { podsOfService, wakeServicesOfPods } from './service-pods.ts'
import { writeSlice } from './write.ts'

const serviceIndex = 'managedSlicesOfService'

/** Wires the controller. */
export function startEndpointSliceController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const services = informers.of(servicesRef)
  const pods = informers.of(podsRef)
  const nodes = informers.of(nodesRef)
  const slices = withIndex(informers.of(slicesRef), serviceIndex, ({ metadata }) => {
    const { [serviceNameLabel]: name, [managedByLabel]: manager } = metadata.labels ?? {}
    return name === undefined || manager !== controllerName ? [] : [`${metadata.namespace}/${name}`]
  })
  const queue = newQueue(context)
  enqueueChanges(services, queue)
  wakeServicesOfPods(pods, services, queue)
  slices.onChange(({ object }) => {
    const name = object.metadata.labels?.[serviceNameLabel]
    if (name !== undefined && object.metadata.labels?.[managedByLabel] === controllerName) {
      queue.add(namespacedName(object.metadata.namespace, name))
    }
  })
  const recorder = context.recorder('endpoint-slice-controller')
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    try {
      const written = await writeSlice(client, action, signal)
      if (written !== undefined) await whenShown(slices, written, signal)
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      const { namespace, name } = action.service.metadata
      const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${messageOf(error)}`
      if (!signal.aborted && !hasReason(error, 'Conflict')) {
        recorder.event(action.service, 'Warning', 'FailedToUpdateEndpointSlices', message)
      }
      throw error
    }
  }
  return controllerTask(
    [services, pods, nodes, slices],
    {
      name: 'endpointslice',
      queue,
      observe: (key) => {
        const service = services.get(key)
        if (service === undefined) return undefined
        const known = new Map(nodes.list().map((node) => [node.metadata.name, node]))
        return {
          service,
          pods: podsOfService(pods, service),
          nodes: known,
          slices: slices.byIndex(serviceIndex, key),
          maxPerSlice: config.maxEndpointsPerSlice,
        }
      },
      plan,
      apply,
      report: reportTo(logger, 'endpointslice'),
    },
    config.concurrentSyncs.endpointslice,
  )
}

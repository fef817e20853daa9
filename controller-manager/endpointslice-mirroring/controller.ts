/** The EndpointSlice mirroring controller: Endpoints made by hand, as slices. */
import { namespacedName } from '../../apimachinery/brand.ts'
import {
  endpoints as endpointsRef,
  services as servicesRef,
  endpointSlices as slicesRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { managedByLabel, serviceNameLabel } from '../endpointslice/reconcile.ts'
import { writeSlice } from '../endpointslice/write.ts'
import { whenShown, withIndex } from '../informers.ts'
import { isNamespaceTerminating } from '../pod/control.ts'
import { controllerName, plan } from './plan.ts'

const mirrorIndex = 'mirrorsOfEndpoints'

/** Wires the controller. */
export function startEndpointSliceMirroringController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const endpoints = informers.of(endpointsRef)
  const services = informers.of(servicesRef)
  const slices = withIndex(informers.of(slicesRef), mirrorIndex, ({ metadata }) => {
    const { [serviceNameLabel]: name, [managedByLabel]: manager } = metadata.labels ?? {}
    return name === undefined || manager !== controllerName ? [] : [`${metadata.namespace}/${name}`]
  })
  const queue = newQueue(context)
  enqueueChanges(endpoints, queue)
  enqueueChanges(services, queue)
  slices.onChange(({ object: { metadata } }) => {
    const { [serviceNameLabel]: name, [managedByLabel]: manager } = metadata.labels ?? {}
    if (name !== undefined && manager === controllerName) queue.add(namespacedName(metadata.namespace, name))
  })
  return controllerTask(
    [endpoints, services, slices],
    {
      name: 'endpointslice-mirroring',
      queue,
      observe: (key) => ({
        endpoints: endpoints.get(key),
        service: services.get(key),
        slices: slices.byIndex(mirrorIndex, key),
        maxPerSlice: config.maxEndpointsPerSlice,
      }),
      plan,
      apply: async (change, signal) => {
        try {
          const written = await writeSlice(client, change, signal)
          if (written !== undefined) await whenShown(slices, written, signal)
        } catch (error) {
          if (!isNamespaceTerminating(error)) throw error
        }
      },
      report: reportTo(logger, 'endpointslice-mirroring'),
    },
    config.concurrentSyncs.endpoints,
  )
}

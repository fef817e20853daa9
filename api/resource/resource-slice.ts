/** ResourceSlice: the devices a driver offers. Source: pkg/apis/resource/validation, `printResourceSlice`. */
import { goQuote, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { validateNodeSelector } from '../core/scheduling.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateCounters, validateDevice, validateNodeName } from './device-rules.ts'
import { validateLabelName, validatePoolName } from './field-rules.ts'
import { asGo } from './internal.ts'
import { eachDistinct } from './lists.ts'
import type { CounterSet, Device, DeviceAttribute, ResourcePool, ResourceSlice } from './v1.ts'

const maxDevices = 128
/** Devices that take more to describe: with taints, or that draw on counters. */
const maxElaborateDevices = 64
const maxCounterSets = 8

export const resourceSlices = defineResource<ResourceSlice>({
  facts: factsOf('resource.k8s.io', 'resourceslices'),
  definition: 'resource.v1.ResourceSlice',
  validateName: subdomainName,
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => validateSpec(spec, old.spec),
  warnings: ({ spec: { driver } }) =>
    driver === driver.toLowerCase()
      ? []
      : [`spec.driver: driver names should be lowercase; ${goQuote(driver)} contains uppercase characters`],
  defaults: (slice) => ({ ...slice, spec: withAmounts(slice.spec) }),
  prepareForCreate: (slice) => firstGeneration(withTaintTimes(withoutDisabled(slice))),
  // As upstream has it, what is dropped is counted as a change.
  prepareForUpdate: (slice, old) => withoutDisabled(bumpOnAnyChange(slice, old)),
  columns: [
    nameColumn,
    text('Node', ({ spec }) => spec.nodeName ?? '<unset>'),
    text('Driver', ({ spec }) => spec.driver),
    text('Pool', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver,
  },
})

type Spec = ResourceSlice['spec']

/** Taints are as old as the slice. Source: `SetDefaults_DeviceTaint`. */
function withTaintTimes(slice: ResourceSlice): ResourceSlice {
  const { creationTimestamp } = slice.metadata
  const devices = slice.spec.devices?.map((device) =>
    device.taints === undefined
      ? device
      : { ...device, taints: device.taints.map((taint) => ({ timeAdded: creationTimestamp, ...taint })) },
  )
  return devices === undefined ? slice : { ...slice, spec: { ...slice.spec, devices } }
}

/** Fields whose feature gates are off by default in 1.36. Source: `DRAListTypeAttributes`, `DRANodeAllocatableResources`. */
function withoutDisabled(slice: ResourceSlice): ResourceSlice {
  const devices = slice.spec.devices?.map(({ nodeAllocatableResourceMappings: _, ...device }) => ({
    ...device,
    ...(device.attributes === undefined ? {} : { attributes: mapValues(device.attributes, withoutLists) }),
  }))
  return devices === undefined ? slice : { ...slice, spec: { ...slice.spec, devices } }
}

function withoutLists({ ints: _i, bools: _b, strings: _s, versions: _v, ...rest }: DeviceAttribute): DeviceAttribute {
  return rest
}

/** An amount that is not given is none. */
function withAmounts(spec: Spec): Spec {
  const amount = <T extends { readonly value: string }>(given: T): T => ({ ...given, value: given.value ?? '0' })
  const counters = <T extends Pick<CounterSet, 'counters'>>(set: T): T =>
    set.counters === undefined ? set : { ...set, counters: mapValues(set.counters, amount) }
  return {
    ...spec,
    ...(spec.sharedCounters === undefined ? {} : { sharedCounters: spec.sharedCounters.map(counters) }),
    ...(spec.devices === undefined
      ? {}
      : {
          devices: spec.devices.map((device) => ({
            ...device,
            ...(device.capacity === undefined ? {} : { capacity: mapValues(device.capacity, amount) }),
            ...(device.consumesCounters === undefined
              ? {}
              : { consumesCounters: device.consumesCounters.map(counters) }),
          })),
        }),
  }
}

function mapValues<T>(map: Readonly<Record<string, T>>, change: (value: T) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]))
}

function validateSpec(spec: Spec, old?: Spec): Causes {
  const { devices, sharedCounters } = spec
  const max = (devices ?? []).some(isElaborate) ? maxElaborateDevices : maxDevices
  const before = new Map((old?.devices ?? []).map((device) => [device.name, device]))
  return [
    ...validateDriverName(spec.driver, 'spec.driver'),
    ...validatePool(spec.pool),
    ...(old === undefined ? [] : validateIdentity(spec, old)),
    ...validatePlace(spec),
    ...when(
      sharedCounters !== undefined && devices !== undefined,
      invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed'),
    ),
    ...eachDistinct('spec.devices', devices, max, nameOf, (device, path) =>
      validateDevice(device, before.get(device.name), spec.perDeviceNodeSelection === true, path),
    ),
    ...eachDistinct('spec.sharedCounters', sharedCounters, maxCounterSets, nameOf, validateCounterSet),
  ]
}

function nameOf({ name }: { readonly name: string }): string {
  return name
}

function isElaborate({ taints = [], consumesCounters = [] }: Device): boolean {
  return taints.length + consumesCounters.length > 0
}

function validatePool({ name, generation, resourceSliceCount: count }: ResourcePool): Causes {
  return [
    ...validatePoolName(name, 'spec.pool.name'),
    ...when(count <= 0, () => invalidValue('spec.pool.resourceSliceCount', count, 'must be greater than zero')),
    ...when(generation < 0, () =>
      invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero'),
    ),
  ]
}

function validateIdentity({ pool, driver, nodeName }: Spec, old: Spec): Causes {
  return [
    ...immutable('spec.pool.name', pool.name, old.pool.name),
    ...immutable('spec.driver', driver, old.driver),
    ...immutable('spec.nodeName', nodeName, old.nodeName),
  ]
}

/** Where the devices are: exactly one way to say it. */
function validatePlace({ nodeName, nodeSelector, allNodes, perDeviceNodeSelection: perDevice }: Spec): Causes {
  const detail = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  const given = [
    ...((nodeName ?? '') === '' ? [] : ['`nodeName`']),
    ...(nodeSelector === undefined ? [] : ['`nodeSelector`']),
    ...(allNodes === true ? ['`allNodes`'] : []),
    ...(perDevice === true ? ['`perDeviceNodeSelection`'] : []),
  ]
  const notFalse = 'must be either unset or set to true'
  return [
    ...(nodeName === undefined
      ? []
      : validateNodeName(nodeName, 'spec.nodeName', 'must be either unset or set to a non-empty string')),
    ...(nodeSelector === undefined ? [] : validateSelector(nodeSelector)),
    ...when(allNodes === false, invalidValue('spec.allNodes', false, notFalse)),
    ...when(perDevice === false, invalidValue('spec.perDeviceNodeSelection', false, notFalse)),
    ...when(given.length === 0, required('spec', detail)),
    ...when(given.length > 1, () =>
      invalidValue('spec', `{${given.join(', ')}}`, `${detail}, but multiple fields are set`),
    ),
  ]
}

/** One term, so that the selectors of several slices can be merged. */
function validateSelector(selector: NonNullable<Spec['nodeSelector']>): Causes {
  const terms = asGo(selector.nodeSelectorTerms, 'nodeSelectorTerms')
  const count = (selector.nodeSelectorTerms ?? []).length
  return [
    ...validateNodeSelector(selector, 'spec.nodeSelector'),
    ...when(
      count !== 1,
      invalidValue('spec.nodeSelector.nodeSelectorTerms', terms, 'must have exactly one node selector term'),
    ),
  ]
}

function validateCounterSet({ name, counters }: CounterSet, field: string): Causes {
  return [
    ...(name === '' ? [required(`${field}.name`)] : validateLabelName(name, `${field}.name`)),
    ...validateCounters(counters, `${field}.counters`),
  ]
}

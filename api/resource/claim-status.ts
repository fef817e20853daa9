/** The status of a claim: what was allocated, for whom, and what drivers say of it. Source: `validateResourceClaimStatusUpdate`. */
import { forbiddenField, invalidValue, required, tooLong, tooMany } from '../../apimachinery/field-errors.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { validateNodeSelector } from '../core/scheduling.ts'
import { validateDriverName } from '../core/volumes.ts'
import { type Causes, oneOfInOrder, sameJson, when } from '../meta/causes.ts'
import { validateConditions } from '../meta/conditions.ts'
import { byteLength } from '../meta/validation.ts'
import { requestNames, validateReference, validateReferences } from './claim-rules.ts'
import {
  validateBinding,
  validateConfiguration,
  validateLabelName,
  validateParameters,
  validatePoolName,
} from './field-rules.ts'
import { validateInterfaceAddress } from './interface-address.ts'
import { asGo } from './internal.ts'
import { eachAtMost, eachDistinct } from './lists.ts'
import { validateUid } from './uid.ts'
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
} from './v1.ts'

const maxReservations = 256
const maxResults = 32
const maxConfigurations = 64
const maxConditions = 8
const maxAddresses = 16
const longestInterfaceName = 256
const longestHardwareAddress = 128

/** What a new status is held to. */
export function validateClaimStatus({ metadata, spec, status = {} }: ResourceClaim, old: ResourceClaim): Causes {
  const { allocation, reservedFor } = status
  const allocated = allocatedDevices(status)
  return [
    ...eachDistinct('status.reservedFor', reservedFor, maxReservations, ({ uid }) => uid, validateConsumer),
    ...eachDistinct('status.devices', status.devices, Number.POSITIVE_INFINITY, deviceId, (device, path) =>
      validateDeviceStatus(device, allocated, path),
    ),
    ...validateReservations(status, old.status, metadata.deletionTimestamp !== undefined),
    ...(allocation === undefined ? [] : validateAllocation(allocation, old.status?.allocation, requestNames(spec))),
  ]
}

/** Drops what drivers said of devices that are no longer allocated. Source: `dropDeallocatedStatusDevices`. */
export function withoutDeallocated(status: ResourceClaimStatus, old: ResourceClaimStatus = {}): ResourceClaimStatus {
  const [before, now] = [allocatedDevices(old), allocatedDevices(status)]
  const { devices = [], ...rest } = status
  const kept = devices
    .map((device) => [device, JSON.stringify(deviceId(device))] as const)
    .filter(([, id]) => now.has(id) || !before.has(id))
    .map(([device]) => device)
  return kept.length === 0 ? rest : { ...rest, devices: kept }
}

type Identified = Pick<AllocatedDeviceStatus, 'driver' | 'pool' | 'device' | 'shareID'>

function deviceId({ driver, pool, device, shareID = '' }: Identified): JsonObject {
  return { Driver: driver, Pool: pool, Device: device, ShareID: shareID }
}

function allocatedDevices({ allocation }: ResourceClaimStatus): ReadonlySet<string> {
  return new Set((allocation?.devices.results ?? []).map((result) => JSON.stringify(deviceId(result))))
}

function validateConsumer(reference: ResourceClaimConsumerReference, field: string): Causes {
  return (['resource', 'name', 'uid'] as const).flatMap((key) =>
    when(reference[key] === '', required(`${field}.${key}`)),
  )
}

function validateReservations(
  { allocation, reservedFor = [] }: ResourceClaimStatus,
  { reservedFor: before = [] }: ResourceClaimStatus = {},
  isDeleted: boolean,
): Causes {
  const field = 'status.reservedFor'
  if (reservedFor.length === 0) return []
  if (allocation === undefined) return [forbiddenField(field, 'may not be specified when `allocated` is not set')]
  const isNew = (one: ResourceClaimConsumerReference) => !before.some((other) => sameJson(one, other))
  const detail = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'
  return when(isDeleted && reservedFor.some(isNew), forbiddenField(field, detail))
}

/** An allocation is made once; what was stored by older rules stays. */
function validateAllocation(
  allocation: AllocationResult,
  old: AllocationResult | undefined,
  known: ReadonlySet<string>,
): Causes {
  const field = 'status.allocation'
  if (old !== undefined) {
    return when(!sameJson(allocation, old), () =>
      invalidValue(field, asGo(allocation, 'allocation'), 'field is immutable'),
    )
  }
  const { devices, nodeSelector } = allocation
  return [
    ...eachAtMost(`${field}.devices.results`, devices.results, maxResults, (result, path) =>
      validateResult(result, known, path),
    ),
    ...eachAtMost(`${field}.devices.config`, devices.config, maxConfigurations, (config, path) =>
      validateAllocatedConfiguration(config, known, path),
    ),
    ...(nodeSelector === undefined ? [] : validateNodeSelector(nodeSelector, `${field}.nodeSelector`)),
  ]
}

function validateResult(result: DeviceRequestAllocationResult, known: ReadonlySet<string>, field: string): Causes {
  return [
    ...validateReference(result.request, known, `${field}.request`),
    ...validateDriverName(result.driver, `${field}.driver`),
    ...validatePoolName(result.pool, `${field}.pool`),
    ...validateLabelName(result.device, `${field}.device`),
    ...validateBinding(result, field),
    ...validateUid(result.shareID, `${field}.shareID`),
  ]
}

function validateAllocatedConfiguration(
  config: DeviceAllocationConfiguration,
  known: ReadonlySet<string>,
  field: string,
): Causes {
  return [
    ...oneOfInOrder(`${field}.source`, config.source, ['FromClaim', 'FromClass']),
    ...validateReferences(config.requests, known, `${field}.requests`),
    ...validateConfiguration(config, field),
  ]
}

function validateDeviceStatus(device: AllocatedDeviceStatus, allocated: ReadonlySet<string>, field: string): Causes {
  const { data, networkData } = device
  const conditions = device.conditions ?? []
  const id = deviceId(device)
  return [
    ...validateDriverName(device.driver, `${field}.driver`),
    ...validatePoolName(device.pool, `${field}.pool`),
    ...validateLabelName(device.device, `${field}.device`),
    ...validateUid(device.shareID, `${field}.shareID`),
    ...when(!allocated.has(JSON.stringify(id)), () =>
      invalidValue(field, id, 'must be an allocated device in the claim'),
    ),
    ...when(conditions.length > maxConditions, tooMany(`${field}.conditions`, conditions.length, maxConditions)),
    ...validateConditions(conditions, `${field}.conditions`),
    ...(data === undefined ? [] : validateParameters(data, `${field}.data`)),
    ...(networkData === undefined ? [] : validateNetworkData(networkData, `${field}.networkData`)),
  ]
}

function validateNetworkData(data: NetworkDeviceData, field: string): Causes {
  const { interfaceName = '', hardwareAddress = '', ips } = data
  return [
    ...when(byteLength(interfaceName) > longestInterfaceName, tooLong(`${field}.interfaceName`, longestInterfaceName)),
    ...when(
      byteLength(hardwareAddress) > longestHardwareAddress,
      tooLong(`${field}.hardwareAddress`, longestHardwareAddress),
    ),
    ...eachDistinct(`${field}.ips`, ips, maxAddresses, (ip) => ip, validateInterfaceAddress),
  ]
}

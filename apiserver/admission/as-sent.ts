/** A new object as clients and those who are asked about it know it: the server has not yet named and numbered it. */
import type { ApiObject } from '../../api/resource.ts'
import type { AdmissionRequest } from './admission.ts'
import { asApiObject } from './request.ts'

/** Upstream names and numbers a new object only after webhooks have seen it. */
export function asSent(request: AdmissionRequest): AdmissionRequest {
  const { object, operation, view } = request
  if (object === undefined || operation !== 'CREATE' || view !== undefined) return request
  const { uid: _uid, creationTimestamp: _time, name, ...rest } = object.metadata
  const metadata = isGenerated(object) ? rest : { name, ...rest }
  return { ...request, name: isGenerated(object) ? '' : request.name, object: asApiObject({ ...object, metadata }) }
}

function isGenerated({ metadata: { name, generateName = '' } }: ApiObject): boolean {
  return generateName !== '' && name.length > 5 && generateName.startsWith(name.slice(0, -5))
}

/** What the server has decided already stays. */
export function withIdentity(object: ApiObject, { object: before, view }: AdmissionRequest): ApiObject {
  if (before === undefined || view !== undefined) return object
  const { uid, creationTimestamp } = before.metadata
  const name = [object.metadata.name, before.metadata.name].find((one) => one !== undefined && one !== '')
  return asApiObject({ ...object, metadata: { ...object.metadata, name, uid, creationTimestamp } })
}

/** NamespaceLifecycle: no content in namespaces that are missing or going away; a few namespaces stay forever. */
import { forbidden, notFound, StatusError } from '../../apimachinery/status.ts'
import { find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { isAbout, refuse, unchanged } from './request.ts'

const immortalNamespaces = new Set(['default', 'kube-system', 'kube-public'])

/** The plugin; it looks before anything else is done with a write. */
export function namespaceLifecycle(lookup: Lookup): AdmissionPlugin {
  const check = async (request: AdmissionRequest, signal: AbortSignal): Promise<void> => {
    refuseImmortalDeletion(request)
    if (!needsNamespace(request)) return
    const namespace = await find(lookup, kinds.namespaces, '', request.namespace, signal)
    if (namespace === undefined) throw notFound(kinds.namespaces.facts, request.namespace)
    if (request.operation === 'CREATE' && namespace.status.phase === 'Terminating') throw terminating(request)
  }
  return {
    name: 'NamespaceLifecycle',
    mutate: async (request, signal) => {
      await check(request, signal)
      return unchanged(request)
    },
  }
}

function refuseImmortalDeletion(request: AdmissionRequest): void {
  if (request.operation !== 'DELETE' || !isAbout(request, kinds.namespaces)) return
  if (!immortalNamespaces.has(request.name)) return
  throw forbidden(kinds.namespaces.facts, request.name, 'this namespace may not be deleted')
}

function needsNamespace({ operation, namespace, resource }: AdmissionRequest): boolean {
  const { group, plural } = resource.facts
  if (namespace === '' || operation === 'DELETE') return false
  return !(group === '' && plural === 'namespaces') && plural !== 'localsubjectaccessreviews'
}

function terminating(request: AdmissionRequest): StatusError {
  const { namespace } = request
  const error = refuse(request, `unable to create new content in namespace ${namespace} because it is being terminated`)
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  } as const
  return new StatusError('Forbidden', error.message, { ...error.details, causes: [cause] })
}

/**
 * ServiceAccount: every pod runs as a service account; its token, the cluster's CA and its namespace are mounted, and the
 * account's pull secrets are taken over.
 */
import type { Container, Pod, ServiceAccount, Volume } from '../../api/core/v1.ts'
import { randomSuffix } from '../../apimachinery/names.ts'
import type { Clock } from '../../component-base/clock.ts'
import { find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { asApiObject, isAbout, newObject, refuse, unchanged } from './request.ts'

const defaultName = 'default'
const volumePrefix = 'kube-api-access-'
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const mirrorPodAnnotation = 'kubernetes.io/config.mirror'
/** A little over an hour, so that a token can be told from one that was asked for with the usual 3600 s. */
const tokenExpirationSeconds = 3607
/** The default account of a new namespace is made by a controller: wait for it. */
const lookupAttempts = 10

type Options = { readonly lookup: Lookup; readonly clock: Clock; readonly random: () => number }

/** The plugin. */
export function serviceAccountAdmission(options: Options): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    concerns: (request) => request.operation === 'CREATE' && isAbout(request, kinds.pods),
    mutate: async (request, signal) => {
      const pod = newObject(request, kinds.pods)
      if (pod === undefined) return unchanged(request)
      if (isMirrorPod(pod)) return unchanged(request)
      const name = pod.spec.serviceAccountName ?? defaultName
      const named = { ...pod, spec: { ...pod.spec, serviceAccountName: name, serviceAccount: name } }
      const account = await findAccount(options, request, name, signal)
      const random = randomSuffix(5, options.random)
      return asApiObject(withPullSecrets(withTokenVolume(named, account, `${volumePrefix}${random}`), account))
    },
    validate: (request) => {
      const pod = newObject(request, kinds.pods)
      if (pod === undefined || !isMirrorPod(pod)) return
      const complaint = mirrorPodComplaint(pod)
      if (complaint !== undefined) throw refuse(request, complaint)
    },
  }
}

function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[mirrorPodAnnotation] !== undefined
}

async function findAccount(
  { lookup, clock, random }: Options,
  request: AdmissionRequest,
  name: string,
  signal: AbortSignal,
): Promise<ServiceAccount> {
  const attempts = name === defaultName ? lookupAttempts : 1
  for (let attempt = 1; ; attempt++) {
    const account = await find(lookup, kinds.serviceAccounts, request.namespace, name, signal)
    if (account !== undefined) return account
    if (attempt >= attempts) break
    await clock.sleep(100 + random() * 100, signal)
  }
  throw refuse(
    request,
    `error looking up service account ${request.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
  )
}

/** Mounts the token in every container that has nothing at its path. */
export function withTokenVolume(pod: Pod, account: ServiceAccount, freshName: string): Pod {
  if (!(pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return pod
  const existing = pod.spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix))
  const name = existing?.name ?? freshName
  const containers = pod.spec.containers.map((container) => withMount(container, name))
  const initContainers = pod.spec.initContainers?.map((container) => withMount(container, name))
  const isUsed = [...containers, ...(initContainers ?? [])].some((container) =>
    container.volumeMounts?.some((mount) => mount.name === name),
  )
  if (!isUsed) return pod
  const volumes = pod.spec.volumes ?? []
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers,
      ...(initContainers === undefined ? {} : { initContainers }),
      volumes: existing === undefined ? [...volumes, tokenVolume(name)] : volumes,
    },
  }
}

function withMount(container: Container, volume: string): Container {
  const mounts = container.volumeMounts ?? []
  if (mounts.some((mount) => mount.mountPath === mountPath)) return container
  return { ...container, volumeMounts: [...mounts, { name: volume, readOnly: true, mountPath }] }
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenExpirationSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 420,
    },
  }
}

function withPullSecrets(pod: Pod, account: ServiceAccount): Pod {
  if ((pod.spec.imagePullSecrets ?? []).length > 0 || (account.imagePullSecrets ?? []).length === 0) return pod
  return { ...pod, spec: { ...pod.spec, imagePullSecrets: account.imagePullSecrets ?? [] } }
}

/** Mirror pods come from a node's own files: they may use nothing of the API's secrets. */
function mirrorPodComplaint({ spec }: Pod): string | undefined {
  if (spec.serviceAccountName !== undefined && spec.serviceAccountName !== '') {
    return 'a mirror pod may not reference service accounts'
  }
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  const usesSecret =
    spec.volumes?.some((volume) => volume.secret !== undefined) === true ||
    containers.some(
      ({ env, envFrom }) =>
        env?.some((one) => one.valueFrom?.secretKeyRef !== undefined) === true ||
        envFrom?.some((one) => one.secretRef !== undefined) === true,
    )
  if (usesSecret) return 'a mirror pod may not reference secrets'
  const usesToken = spec.volumes?.some((volume) =>
    volume.projected?.sources?.some((source) => source.serviceAccountToken !== undefined),
  )
  return usesToken === true ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined
}

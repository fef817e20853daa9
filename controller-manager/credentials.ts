/** Clients that act as a controller's own service account, so that RBAC holds each controller to its own rights. */
import { hasReason } from '../apimachinery/status.ts'
import { type Client, createClient } from '../client/rest/client.ts'
import type { ClientConfig } from '../client/rest/kubeconfig.ts'
import { serviceAccounts } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import { aborted, type Task } from '../component-base/run.ts'

const namespace = 'kube-system'
const tokenSeconds = 3_600
/** A token is replaced well before it ends. */
const refreshShare = 0.8
const retryMs = 1_000

/** A client whose token is got, and got anew, by `run`. */
export type OwnClient = {
  readonly client: Client
  readonly run: Task
  readonly whenReady: (signal: AbortSignal) => Promise<void>
}

type Options = {
  readonly root: Client
  readonly connection: ClientConfig
  readonly name: string
  readonly clock: Clock
}

/** Makes the client of one service account; requests before `whenReady` would be anonymous. */
export function serviceAccountClient({ root, connection, name, clock }: Options): OwnClient {
  let token: string | undefined
  let ready: () => void = () => {}
  const isReady = new Promise<void>((resolve) => {
    ready = resolve
  })
  const { cert: _cert, key: _key, token: _token, ...server } = connection
  const client = createClient({
    ...server,
    userAgent: `${connection.userAgent ?? ''}/system:serviceaccount:${namespace}:${name}`,
    get token() {
      return token ?? ''
    },
  })
  const run: Task = async (signal) => {
    for (;;) {
      let waitMs = retryMs
      try {
        token = await requestToken(root, name, signal)
        ready()
        waitMs = tokenSeconds * 1000 * refreshShare
      } catch {
        // Right after the first start the API server has no namespace kube-system yet; the old token is still good for a while.
        signal.throwIfAborted()
      }
      await clock.sleep(waitMs, signal)
    }
  }
  const whenReady = async (signal: AbortSignal): Promise<void> => {
    await Promise.race([isReady, aborted(signal)])
    signal.throwIfAborted()
  }
  return { client, run, whenReady }
}

async function requestToken(root: Client, name: string, signal: AbortSignal): Promise<string> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: tokenSeconds, audiences: [] },
  }
  const at = { namespace, name, subresource: 'token' }
  type Answer = { readonly status: { readonly token: string } }
  try {
    return (await root.createSubresource<Answer>(serviceAccounts, at, body, signal)).status.token
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
    const metadata = { namespace, name }
    await root.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata }, signal)
    return (await root.createSubresource<Answer>(serviceAccounts, at, body, signal)).status.token
  }
}

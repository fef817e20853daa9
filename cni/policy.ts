/**
 * A new pod waits for its NetworkPolicies: nothing of it runs before ADD ends, and ADD ends when kube-proxy says that
 * the pod's rules are in the kernel. Only where the configuration names kube-proxy's socket (`policySocket`); then a
 * pod whose policies cannot be enforced is not started, and the runtime tries again.
 * The exchange is one line of JSON each way (kube-proxy/policy/handshake.ts).
 */
import { connect } from 'node:net'
import { systemClock } from '../component-base/clock.ts'
import { CniError, type IpConfig, isJsonMap, type Request } from './protocol.ts'

/** kube-proxy may be starting, or starting again. It answers within milliseconds when it runs. */
const limitMs = 8_000
const retryMs = 50
const maxAnswerBytes = 65_536

/** Resolves when the pod's rules are in the kernel, or when kube-proxy enforces none. Calls for no pod are not asked about. */
export async function awaitPolicies(
  socketPath: string,
  { args }: Pick<Request, 'args'>,
  ips: readonly IpConfig[],
  signal: AbortSignal,
): Promise<void> {
  const { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name, K8S_POD_UID: uid = '' } = args
  if (socketPath === '' || namespace === undefined || name === undefined) return
  const addresses = ips.map(({ address }) => address.split('/')[0] ?? '')
  const line = `${JSON.stringify({ namespace, name, uid, ips: addresses })}\n`
  const endMs = systemClock.now() + limitMs
  for (;;) {
    signal.throwIfAborted()
    const answer = await ask(socketPath, line, Math.max(endMs - systemClock.now(), retryMs))
    if (answer.type === 'answer') return judge(answer.text)
    if (systemClock.now() + retryMs > endMs) {
      throw tryAgain(`kube-proxy does not answer at ${socketPath} (${answer.reason})`)
    }
    await systemClock.sleep(retryMs, signal)
  }
}

type Asked = { readonly type: 'answer'; readonly text: string } | { readonly type: 'silence'; readonly reason: string }

function ask(path: string, line: string, timeoutMs: number): Promise<Asked> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(path, () => socket.write(line))
    const fail = (reason: string) => {
      socket.destroy()
      resolve({ type: 'silence', reason })
    }
    socket.setTimeout(timeoutMs, () => fail('timeout'))
    socket.setEncoding('utf8')
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > maxAnswerBytes) fail('answer too long')
    })
    socket.on('end', () => {
      socket.destroy()
      resolve(text === '' ? { type: 'silence', reason: 'connection closed' } : { type: 'answer', text })
    })
  })
}

function judge(text: string): void {
  const answer: unknown = JSON.parse(text)
  if (!isJsonMap(answer)) throw tryAgain(`kube-proxy answers ${text.trim()}`)
  if (answer['result'] === undefined) throw tryAgain(String(answer['error']))
}

function tryAgain(reason: string): CniError {
  return new CniError('tryAgainLater', "the pod's network policies are not in force", reason)
}

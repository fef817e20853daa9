/**
 * A new pod waits for its NetworkPolicies: nothing of it runs before ADD ends, and ADD ends when kube-proxy says that
 * the pod's rules are in the kernel. Only where the configuration names kube-proxy's socket (`policySocket`); then a
 * pod whose policies cannot be enforced is not started, and the runtime tries again.
 * The exchange is one line of JSON each way (kube-proxy/policy/handshake.ts).
 *
 * Where the kernel does not show bridged packets to its rules (no br_netfilter), kube-proxy asks for pods that do not
 * reach each other over the bridge: their ports are isolated, and the node answers for their neighbours (proxy ARP for
 * private VLANs, RFC 3069; proxy NDP), so that packets between them are routed, and judged.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { systemClock } from '../component-base/clock.ts'
import { ipBatch } from './exec.ts'
import { CniError, type IpConfig, isJsonMap, parsePreviousResult, type Request } from './protocol.ts'

/** kube-proxy may be starting, or starting again. It answers within milliseconds when it runs. */
const limitMs = 8_000
const retryMs = 50
const maxAnswerBytes = 65_536

/** Where a pod hangs, and whom to ask; an empty socket: nobody. */
export type PolicyPort = { readonly policySocket: string; readonly bridge: string; readonly device: string }

/** Does `attach` while kube-proxy writes the pod's rules; resolves when both are done. */
export async function withPolicies<T>(
  { policySocket, bridge, device }: PolicyPort,
  request: Pick<Request, 'args'>,
  ips: readonly IpConfig[],
  attach: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const asked = awaitPolicies(policySocket, request, ips, signal)
  // It goes on beside `attach`, and is listened to when that is done.
  asked.catch(() => undefined)
  const result = await attach()
  if ((await asked).isIsolated) await isolate(bridge, device, ips, signal)
  return result
}

/** Takes back what `withPolicies` has told the node about the pod's neighbours; DEL brings the addresses along. */
export async function leavePolicies(
  { policySocket, bridge }: Omit<PolicyPort, 'device'>,
  request: Request,
  signal: AbortSignal,
): Promise<void> {
  if (policySocket === '' || !(await hasSetting(`ipv6/conf/${bridge}/proxy_ndp`))) return
  const ips = parsePreviousResult(request.config)?.ips ?? []
  for (const ip of ipv6Of(ips)) {
    // Gone already when DEL comes twice.
    await ipBatch([`neighbour delete proxy ${ip} dev ${bridge}`], undefined, signal).catch(() => undefined)
  }
}

/** Asks until kube-proxy answers. Calls for no pod are not asked about. */
export async function awaitPolicies(
  socketPath: string,
  { args }: Pick<Request, 'args'>,
  ips: readonly IpConfig[],
  signal: AbortSignal,
): Promise<{ readonly isIsolated: boolean }> {
  const { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name, K8S_POD_UID: uid = '' } = args
  if (socketPath === '' || namespace === undefined || name === undefined) return { isIsolated: false }
  const line = `${JSON.stringify({ namespace, name, uid, ips: ips.map(plainIp) })}\n`
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

function plainIp({ address }: IpConfig): string {
  return address.split('/')[0] ?? ''
}

function ipv6Of(ips: readonly IpConfig[]): readonly string[] {
  return ips.map(plainIp).filter((ip) => ip.includes(':'))
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

function judge(text: string): { readonly isIsolated: boolean } {
  const answer: unknown = JSON.parse(text)
  if (!isJsonMap(answer)) throw tryAgain(`kube-proxy answers ${text.trim()}`)
  if (answer['result'] === undefined) throw tryAgain(String(answer['error']))
  return { isIsolated: answer['isolate'] === true }
}

function tryAgain(reason: string): CniError {
  return new CniError('tryAgainLater', "the pod's network policies are not in force", reason)
}

async function isolate(bridge: string, device: string, ips: readonly IpConfig[], signal: AbortSignal): Promise<void> {
  // Answers come at once, not after a random part of 0.8 s.
  await set(`ipv4/neigh/${bridge}/proxy_delay`, '0')
  await set(`ipv4/conf/${bridge}/proxy_arp_pvlan`, '1')
  const v6 = ipv6Of(ips)
  if (v6.length > 0) {
    await set(`ipv6/neigh/${bridge}/proxy_delay`, '0')
    await set(`ipv6/conf/${bridge}/proxy_ndp`, '1')
  }
  const proxies = v6.map((ip) => `neighbour replace proxy ${ip} dev ${bridge}`)
  await ipBatch([`link set dev ${device} type bridge_slave isolated on`, ...proxies], undefined, signal)
}

async function set(setting: string, value: string): Promise<void> {
  await writeFile(`/proc/sys/net/${setting}`, value)
}

async function hasSetting(setting: string): Promise<boolean> {
  try {
    return (await readFile(`/proc/sys/net/${setting}`, 'utf8')).trim() === '1'
  } catch {
    return false
  }
}

/** One POST to the server of a kubeconfig. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'

const agents = { http: new HttpAgent({ keepAlive: true }), https: new Agent({ keepAlive: true }) }
const mostShown = 200

/** Resolves when the server has taken it (2xx). */
export async function post(target: ClientConfig, body: string, signal: AbortSignal): Promise<void> {
  const { ca, cert, key, token, tlsServerName, insecureSkipTlsVerify } = target
  const bytes = Buffer.from(body)
  const headers = {
    accept: 'application/json, */*',
    'content-type': 'application/json',
    'content-length': bytes.length,
    'user-agent': 'kube-apiserver-audit',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const url = new URL(target.server)
    const common = { method: 'POST', headers, signal }
    const request =
      url.protocol === 'http:'
        ? httpRequest(url, { ...common, agent: agents.http }, resolve)
        : httpsRequest(
            url,
            {
              ...common,
              agent: agents.https,
              ...(ca === undefined ? {} : { ca }),
              ...(cert === undefined ? {} : { cert }),
              ...(key === undefined ? {} : { key }),
              ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
              ...(insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
            },
            resolve,
          )
    request.once('error', reject)
    request.end(bytes)
  })
  const { statusCode = 0 } = response
  const text: string[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) if (text.length < 4) text.push(chunk.toString('utf8'))
  if (statusCode < 200 || statusCode > 299) {
    throw new Error(`the audit webhook answered ${statusCode}: ${text.join('').slice(0, mostShown)}`)
  }
}

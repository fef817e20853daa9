/**
 * The ConfigMap `extension-apiserver-authentication` when several API servers write it: what one trusts is added to what the
 * others do, and only what has expired goes. Pure. Source: upstream's `clusterauthenticationtrust`.
 */
import { X509Certificate } from 'node:crypto'

type Data = Readonly<Record<string, string>>

/** What is there, and what this server has to add. */
export function mergeAuthenticationData(current: Data, own: Data, nowMs: number): Data {
  const merged = Object.entries(own).map(([name, text]) => {
    const before = current[name] ?? ''
    return [name, name.endsWith('-ca-file') ? joinCertificates(before, text, nowMs) : joinList(before, text)]
  })
  return { ...current, ...Object.fromEntries(merged) }
}

function joinCertificates(before: string, own: string, nowMs: number): string {
  const certificates = new Map<string, string>()
  for (const pem of [...pemsOf(before), ...pemsOf(own)]) {
    const certificate = parsed(pem)
    if (certificate === undefined || Date.parse(certificate.validTo) < nowMs) continue
    certificates.set(certificate.fingerprint256, pem)
  }
  return [...certificates.values()].map((pem) => `${pem}\n`).join('')
}

function pemsOf(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function joinList(before: string, own: string): string {
  return JSON.stringify([...new Set([...listOf(before), ...listOf(own)])])
}

function listOf(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text === '' ? '[]' : text)
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  } catch {
    return []
  }
}

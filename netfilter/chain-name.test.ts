import { expect, test } from 'vitest'
import { hashedChainName } from './chain-name.ts'

test.each([
  // Known from the documentation of Services and from clusters in the wild.
  ['KUBE-SVC-', 'default/kubernetes:https', 'KUBE-SVC-NPX46M4PTMTKRN6Y'],
  ['KUBE-SVC-', 'kube-system/kube-dns:dns-tcp', 'KUBE-SVC-ERIFXISQEP7F7OF4'],
])('hashedChainName() gives %s for %s as upstream', (prefix, port, expected) => {
  expect(hashedChainName(prefix, port, 'tcp')).toBe(expected)
})

test('hashedChainName() gives the name of kube-dns over UDP', () => {
  expect(hashedChainName('KUBE-SVC-', 'kube-system/kube-dns:dns', 'udp')).toBe('KUBE-SVC-TCOU7JCQXEZGVUNU')
})

test('hashedChainName() fits the limit of iptables', () => {
  expect(hashedChainName('KUBE-SEP-', 'a/b:c', 'tcp', '10.0.0.1:80').length).toBeLessThanOrEqual(28)
})

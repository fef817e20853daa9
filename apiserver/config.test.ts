import { expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { flags, parseConfig } from './config.ts'

const required = [
  '--etcd-servers=http://127.0.0.1:2379',
  '--service-account-issuer=https://kubernetes.default.svc',
  '--service-account-signing-key-file=/sa.key',
]
const parse = (...argv: readonly string[]) => parseConfig(parseFlags(flags, argv).values, ['192.0.2.1'])

test('parseConfig() takes the first address of the machine where none is given', () => {
  expect(parse(...required).advertiseAddress).toBe('192.0.2.1')
  expect(parse(...required, '--bind-address=10.0.0.1').advertiseAddress).toBe('10.0.0.1')
})

test('parseConfig() lists everything that is missing', () => {
  expect(() => parse()).toThrow(
    '--etcd-servers must be specified, --service-account-issuer is a required flag, --service-account-signing-key-file is a required flag',
  )
})

test('parseConfig() takes flags for compatibility that say what is so anyway', () => {
  const flags = ['--allow-privileged=true', '--storage-backend=etcd3', '--runtime-config=api/all=true,batch/v1']
  expect(() => parse(...required, ...flags)).not.toThrow()
})

const refused = [
  ['--allow-privileged=false', '--allow-privileged=false is not supported'],
  ['--service-account-lookup=false', '--service-account-lookup=false is not supported'],
  ['--runtime-config=batch/v1=false', '--runtime-config batch/v1=false is not supported'],
  ['--storage-backend=etcd2', '--storage-backend invalid, allowed values: etcd3'],
  ['--storage-media-type=application/vnd.kubernetes.protobuf', 'only application/json'],
  ['--tls-cert-file=/a', '--tls-cert-file and --tls-private-key-file must be given together'],
  ['--authorization-mode=RBAC,Maybe', 'authorization-mode "Maybe" is not a valid mode'],
  ['--service-cluster-ip-range=10.0.0.0/33', 'service-cluster-ip-range[0] is not a valid cidr'],
  ['--service-cluster-ip-range=10.0.0.0/24,x', 'service-cluster-ip-range[1] is not an ip net'],
  ['--service-cluster-ip-range=10.0.0.0/30', 'the service cluster IP range must be at least 8 IP addresses'],
  ['--service-cluster-ip-range=10.0.0.0/24,10.1.0.0/24', 'must be of different IP family'],
  ['--service-cluster-ip-range=10.0.0.0/24,fd00::/112,fd01::/112', 'must not contain more than two entries'],
  [
    '--service-cluster-ip-range=fd00::/112,10.0.0.0/8',
    'service IP family "fd00::/112" must match public address family "192.0.2.1"',
  ],
  ['--service-node-port-range=2-1', '--service-node-port-range "2-1" is not a range of ports'],
  ['--secure-port=70000', '--secure-port 70000 must be between 0 and 65535, inclusive'],
] as const
for (const [flag, message] of refused) {
  test(`parseConfig() refuses ${flag}`, () => expect(() => parse(...required, flag)).toThrow(message))
}

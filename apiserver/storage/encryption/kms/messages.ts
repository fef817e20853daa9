/**
 * The messages of KMS v2: what the plugin is asked, and what is stored. Source: `k8s.io/kms/apis/v2/api.proto` and
 * `kmsv2/v2/api.proto`; the names and numbers are the wire format.
 */
import protobuf from 'protobufjs'

export type Annotations = Readonly<Record<string, Buffer>>
export type StatusResponse = { readonly version: string; readonly healthz: string; readonly keyId: string }
export type EncryptRequest = { readonly plaintext: Buffer; readonly uid: string }
export type EncryptResponse = { readonly ciphertext: Buffer; readonly keyId: string; readonly annotations: Annotations }
export type DecryptRequest = {
  readonly ciphertext: Buffer
  readonly uid: string
  readonly keyId: string
  readonly annotations: Annotations
}
export type DecryptResponse = { readonly plaintext: Buffer }

/** What follows `k8s:enc:kms:v2:<name>:` in etcd. */
export type EncryptedObject = {
  readonly encryptedData: Buffer
  readonly keyId: string
  readonly encryptedDekSource: Buffer
  readonly annotations: Annotations
  /** 0: the plugin's plaintext is the key itself; 1: it is a seed that each value's key is derived from. */
  readonly encryptedDekSourceType: number
}

const { root } = protobuf.parse(
  `syntax = "proto3";
   message StatusRequest {}
   message StatusResponse { string version = 1; string healthz = 2; string key_id = 3; }
   message DecryptRequest { bytes ciphertext = 1; string uid = 2; string key_id = 3; map<string, bytes> annotations = 4; }
   message DecryptResponse { bytes plaintext = 1; }
   message EncryptRequest { bytes plaintext = 1; string uid = 2; }
   message EncryptResponse { bytes ciphertext = 1; string key_id = 2; map<string, bytes> annotations = 3; }
   message EncryptedObject {
     bytes encrypted_data = 1; string key_id = 2; bytes encrypted_dek_source = 3;
     map<string, bytes> annotations = 4; int32 encrypted_dek_source_type = 5;
   }`,
)
const plain = { defaults: true, bytes: Buffer, arrays: true, objects: true }

/** One message in both directions. */
export type Codec<T> = { readonly encode: (value: T) => Buffer; readonly decode: (bytes: Uint8Array) => T }

function codec<T>(name: string): Codec<T> {
  const type = root.lookupType(name)
  return {
    encode: (value) => Buffer.from(type.encode(type.create(value as object)).finish()),
    // The type's fields are those of T; absent ones become zero values.
    decode: (bytes) => type.toObject(type.decode(bytes), plain) as T,
  }
}

/** How the bytes in etcd are made and read. */
export const encryptedObject = codec<EncryptedObject>('EncryptedObject')

/** The plugin's three calls. */
export const methods = {
  Status: { request: codec<Record<string, never>>('StatusRequest'), response: codec<StatusResponse>('StatusResponse') },
  Encrypt: { request: codec<EncryptRequest>('EncryptRequest'), response: codec<EncryptResponse>('EncryptResponse') },
  Decrypt: { request: codec<DecryptRequest>('DecryptRequest'), response: codec<DecryptResponse>('DecryptResponse') },
} as const
export type MethodName = keyof typeof methods

/** Where the service answers. */
export function methodPath(method: MethodName): string {
  return `/v2.KeyManagementService/${method}`
}

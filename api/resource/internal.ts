/**
 * Values as upstream's messages show them: its internal types have Go's names, and what is not given is `null` or zero.
 * Source: pkg/apis/resource/types.go.
 */
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'

/** Zero of a field, the item of a list, the fields of a struct in Go's order, or `{}` for a map. */
type Shape = '' | 0 | null | readonly [Shape] | { readonly [name: string]: Shape }

const tolerations: Shape = [{ Key: '', Operator: '', Value: '', Effect: '', TolerationSeconds: null }]
const amount = { DeviceClassName: '', Selectors: [{ CEL: { Expression: '' } }], AllocationMode: '', Count: 0 } as const
const capacity: Shape = { Requests: {} }
const opaque: Shape = { Driver: '', Parameters: null }

const claim: Shape = {
  Devices: {
    Requests: [
      {
        Name: '',
        Exactly: { ...amount, AdminAccess: null, Tolerations: tolerations, Capacity: capacity },
        FirstAvailable: [{ Name: '', ...amount, Tolerations: tolerations, Capacity: capacity }],
      },
    ],
    Constraints: [{ Requests: [''], MatchAttribute: null, DistinctAttribute: null }],
    Config: [{ Requests: [''], Opaque: opaque }],
  },
}

const requirements: Shape = [{ Key: '', Operator: '', Values: [''] }]
const nodeSelectorTerms: Shape = [{ MatchExpressions: requirements, MatchFields: requirements }]

const allocation: Shape = {
  Devices: {
    Results: [
      {
        Request: '',
        Driver: '',
        Pool: '',
        Device: '',
        AdminAccess: null,
        Tolerations: tolerations,
        BindingConditions: [''],
        BindingFailureConditions: [''],
        ShareID: null,
        ConsumedCapacity: {},
      },
    ],
    Config: [{ Source: '', Requests: [''], Opaque: opaque }],
  },
  NodeSelector: { NodeSelectorTerms: nodeSelectorTerms },
  AllocationTimestamp: null,
}

const attribute: Shape = {
  IntValue: null,
  BoolValue: null,
  StringValue: null,
  VersionValue: null,
  IntValues: null,
  BoolValues: null,
  StringValues: null,
  VersionValues: null,
}

const shapes = { claim, allocation, nodeSelectorTerms, attribute } satisfies Record<string, Shape>

/** `value` in Go's names. */
export function asGo(value: object | undefined, shape: keyof typeof shapes): Json {
  // Objects of the API are JSON; their types say more than that.
  return shown(value as JsonObject | undefined, shapes[shape])
}

function shown(value: Json | undefined, shape: Shape): Json {
  if (typeof shape !== 'object' || shape === null) return value ?? shape
  if (Array.isArray(value)) return value.length === 0 ? null : value.map((item) => shown(item, itemOf(shape)))
  if (!isJsonObject(value)) return null
  const names = Object.entries(shape)
  if (names.length === 0) return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  return Object.fromEntries(names.map(([name, part]) => [name, shown(value[jsonName(name)], part)]))
}

function itemOf(shape: Shape): Shape {
  return Array.isArray(shape) ? shape[0] : null
}

function jsonName(name: string): string {
  if (name === 'CEL') return 'cel'
  const plain = name.replace(/(?<=.)Value(?=s?$)/, '')
  return plain.charAt(0).toLowerCase() + plain.slice(1)
}

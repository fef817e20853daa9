import { expect, test } from 'vitest'
import type { JsonObject } from '../json.ts'
import { compileSchema, structOf } from '../schema/schema.ts'
import { restoreProblem } from './restore.ts'

const schemas = compileSchema({
  Root: {
    fields: {
      text: '1 string',
      flag: '2 bool',
      count: '3 int32',
      ratio: '4 double',
      data: '5 bytes',
      list: '6 []string',
      map: '7 map<string>',
      inner: '8 Inner',
      amount: '9 quantity',
    },
  },
  Inner: { fields: { text: '1 string' } },
})
const cases: readonly (readonly [JsonObject, string])[] = [
  [{ text: 1 }, 'cannot convert int64 to string'],
  [{ text: 1.5 }, 'unrecognized type: string'],
  [{ text: ['x'] }, 'unrecognized type: string'],
  [{ flag: 'x' }, 'unrecognized type: bool'],
  [{ flag: 1 }, 'unrecognized type: bool'],
  [{ count: 'x' }, 'unrecognized type: int32'],
  [{ count: 1.5 }, 'cannot convert float64 to int32'],
  [{ ratio: true }, 'unrecognized type: float64'],
  [{ data: {} }, 'cannot restore slice from map'],
  [{ data: '%' }, 'error decoding from json: illegal base64 data at input byte 0'],
  [{ list: { a: 1 } }, 'cannot restore slice from map'],
  [{ list: 'x' }, 'cannot restore slice from string'],
  [{ list: [1] }, 'cannot convert int64 to string'],
  [{ map: [] }, 'cannot restore map from slice'],
  [{ map: { a: true } }, 'unrecognized type: string'],
  [{ inner: 'x' }, 'cannot restore struct from: string'],
  [{ inner: { text: {} } }, 'unrecognized type: string'],
  [{ amount: true }, 'json: cannot unmarshal bool into Go value of type resource.Quantity'],
  [{ inner: 1, text: 1 }, 'cannot convert int64 to string'],
]
for (const [value, problem] of cases) {
  test(`restoreProblem() says of ${JSON.stringify(value)}: ${problem}`, () => {
    const decoded = 'json: cannot unmarshal bool into Go struct field Root.amount of type resource.Quantity'
    expect(restoreProblem(structOf(schemas, 'Root'), value, decoded)).toBe(problem)
  })
}

import { describe, expect, test } from 'vitest'
import { denied } from './dispatch.ts'
import { readReview } from './review.ts'

const review = (response: object | undefined, version = 'v1') => ({
  kind: 'AdmissionReview',
  apiVersion: `admission.k8s.io/${version}`,
  ...(response === undefined ? {} : { response: { uid: '1', allowed: true, ...response } }),
})
const patch = Buffer.from('[]').toString('base64')

describe('readReview()', () => {
  const wrong = [
    ['no response', review(undefined), true, 'webhook response was absent'],
    ['another question', review({ uid: '2' }), true, 'expected response.uid="1", got "2"'],
    [
      'another version',
      review({}, 'v1beta1'),
      true,
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview',
    ],
    ['a patch of no type', review({ patch }), true, 'webhook returned response.patch but not response.patchType'],
    [
      'a type of no patch',
      review({ patchType: 'JSONPatch' }),
      true,
      'webhook returned response.patchType but not response.patch',
    ],
    ['a patch where none may be', review({ patch }), false, 'validating webhook may not return response.patch'],
    ['an unknown type', review({ patch, patchType: 'Merge' }), true, 'unsupported patch type "Merge"'],
  ] as const
  test.each(wrong)('refuses %s', (_, answer, mutating, message) => {
    expect(() => readReview(answer, { uid: '1', version: 'v1', mutating })).toThrow(message)
  })
  test('takes patch, warnings and result', () => {
    const answer = review({ patch, patchType: 'JSONPatch', warnings: ['careful'], status: { message: 'x' } })
    expect(readReview(answer, { uid: '1', version: 'v1', mutating: true })).toEqual({
      allowed: true,
      patch: [],
      result: { message: 'x' },
      warnings: ['careful'],
    })
  })
  test('asks less of v1beta1', () => {
    const answer = { response: { allowed: true, patch } }
    expect(readReview(answer, { uid: '1', version: 'v1beta1', mutating: true }).patch).toEqual([])
  })
})

test('denied() never looks like success', () => {
  expect(denied('a', { code: 200, message: 'no' })).toMatchObject({
    code: 400,
    message: 'admission webhook "a" denied the request: no',
  })
  expect(denied('a', { code: 418, reason: 'Teapot' })).toMatchObject({ code: 418, reason: 'Teapot' })
})

import { describe, expect, it } from 'vitest'
import { Flight } from './flight.ts'
import { requestInfo } from './request-info.ts'

describe('Flight', () => {
  const flight = (): Flight => new Flight(requestInfo({ verb: 'get' }), 0, 60_000)

  it('tells a signal that was asked for before the end', () => {
    const ended = flight()
    const { signal } = ended
    expect(signal.aborted).toBe(false)
    const reason = new Error('the client went away')
    ended.abort(reason)
    expect(signal.reason).toBe(reason)
    expect(ended.signal).toBe(signal)
  })

  it('tells a signal that is asked for only after the end', () => {
    const ended = flight()
    const reason = new Error('the client went away')
    ended.abort(reason)
    expect(ended.signal.aborted).toBe(true)
    expect(ended.signal.reason).toBe(reason)
  })

  it('keeps the first reason', () => {
    const ended = flight()
    const first = new Error('too late')
    ended.abort(first)
    ended.abort(new Error('the client went away'))
    expect(ended.reason).toBe(first)
    expect(ended.signal.reason).toBe(first)
  })
})

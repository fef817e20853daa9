import { expect, test } from 'vitest'
import { builtinResources } from '../resources.ts'
import { columnTexts } from './column-texts.ts'
import { definitions } from './table.ts'

const fields = new Map<string, object>(Object.entries(definitions).map(([name, { fields: all }]) => [name, all]))
const entries = Object.entries(columnTexts).flatMap(([definition, texts]) =>
  Object.entries(texts).map(([column, text]) => ({ definition, column, text })),
)

test('columnTexts names only columns that are shown', () => {
  const shown = builtinResources.flatMap(({ definition, columns = [] }) =>
    columns.map(({ name }) => `${definition} ${name}`),
  )
  for (const { definition, column } of entries) expect(shown).toContain(`${definition} ${column}`)
})

test('columnTexts refers only to fields that the API has', () => {
  const references = entries.filter(({ text }) => text.startsWith('@'))
  expect(references.length).toBeGreaterThan(80)
  for (const { text } of references) {
    const dot = text.lastIndexOf('.')
    expect(fields.get(text.slice(1, dot)), text).toHaveProperty([text.slice(dot + 1)])
  }
})

test('columnTexts leaves no column of a kind without a text but those that upstream leaves', () => {
  const silent = builtinResources.flatMap(({ definition, columns = [] }) =>
    columns
      .filter(({ name, description }) => description === undefined && columnTexts[definition]?.[name] === undefined)
      .map(({ name }) => `${definition} ${name}`),
  )
  expect(silent).toEqual(['node.v1.RuntimeClass Handler'])
})

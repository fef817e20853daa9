/** Objects without `metadata.managedFields`, also inside of lists and tables. Pure. */

type Fields = Readonly<Record<string, unknown>>

/** A copy; what is not an object, a list or a table of objects comes back as it is. */
export function withoutManagedFields(value: unknown): unknown {
  if (!isFields(value)) return value
  const { items, rows } = value
  return {
    ...stripped(value),
    ...(Array.isArray(items) ? { items: items.map(strippedItem) } : {}),
    ...(Array.isArray(rows) ? { rows: rows.map(strippedRow) } : {}),
  }
}

function strippedRow(row: unknown): unknown {
  return isFields(row) && isFields(row['object']) ? { ...row, object: stripped(row['object']) } : row
}

function strippedItem(item: unknown): unknown {
  return isFields(item) ? stripped(item) : item
}

function stripped(object: Fields): Fields {
  if (!isFields(object['metadata'])) return object
  const { managedFields: _removed, ...metadata } = object['metadata']
  return { ...object, metadata }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

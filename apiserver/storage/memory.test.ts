import { createMemoryStorage } from './memory.ts'
import { storageContract } from './storage.contract.ts'

const storage = createMemoryStorage()
storageContract('createMemoryStorage()', async () => storage)

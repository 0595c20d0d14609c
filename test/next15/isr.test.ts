import { fileURLToPath } from 'node:url'
import { isrSuite } from './isr.ts'

isrSuite('an app of Next.js 15', fileURLToPath(new URL('.', import.meta.url)), './')

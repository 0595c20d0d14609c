import { testBlocks } from '../docs/package-blocks.ts'

testBlocks('hosts', 'test/adapters', 9)

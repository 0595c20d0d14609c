import { testBlocks } from '../docs/package-blocks.ts'

testBlocks('recipes', 'test/recipes', 3)

// Stands in for the package `memcached`: whatever requires it by name gets mintring/compat.
const { join } = require('node:path')
const { buildSync } = require('esbuild')

const [{ text }] = buildSync({
  entryPoints: [join(__dirname, '../../../src/integrations/compat.ts')],
  ...{ bundle: true, platform: 'node', write: false },
}).outputFiles
module._compile(text, join(__dirname, 'compat.cjs'))
module.exports = module.exports.Memcached

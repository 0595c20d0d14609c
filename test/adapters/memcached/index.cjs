// Stands in for the package `memcached`: whatever requires it by name gets mintring/compat.
module.exports = require('../../../src/integrations/compat.ts').Memcached

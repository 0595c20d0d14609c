// The package `memcached` for those that require it by name: mintring in its place.
module.exports = require('../../../src/integrations/compat.ts').Memcached

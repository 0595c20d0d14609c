import { Request } from '../../net/request.ts'
import { atMostExptime } from '../../protocol/exptime.ts'
import { ReplyKind } from '../../protocol/reply-kind.ts'
import { touchHead } from '../../protocol/request.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import { checkOptions } from '../options.ts'
import type { Ttl } from '../ttl.ts'
import { exptimeOf } from '../ttl.ts'
import { yesOrNotFound } from './found.ts'

const TOUCH = yesOrNotFound(
  'touch',
  'touch',
  ReplyKind.Touched,
  ({ wireKey, exptime }, out, maxTtl) => {
    out.text(touchHead(wireKey, atMostExptime(exptime, maxTtl)))
  },
)

/** Sets an item's TTL; resolves to true when the key is stored. */
export function touch(
  core: ClientCore,
  key: string,
  ttl: Ttl,
  options: OperationOptions | undefined,
): Promise<boolean> {
  checkOptions('touch', options)
  const wireKey = core.keys.wireKey(key)
  const routeKey = core.keys.routeKey(key)
  const exptime = exptimeOf(ttl)
  return core.submit(
    new Request(TOUCH, routeKey, wireKey, undefined, undefined, undefined, 0, exptime),
    options,
  )
}

import { cacheLife, cacheTag } from 'next/cache'
import { Suspense } from 'react'

async function report(id) {
  'use cache'
  cacheTag(`report-${id}`)
  cacheLife({ stale: 30, revalidate: 60, expire: 3600 })
  return `${id} made by ${process.pid} at ${performance.now()}`
}

async function Report({ searchParams }) {
  const { id } = await searchParams
  return <p>{await report(id)}</p>
}

export default function Page({ searchParams }) {
  return (
    <Suspense fallback={<b>soon</b>}>
      <Report searchParams={searchParams} />
    </Suspense>
  )
}

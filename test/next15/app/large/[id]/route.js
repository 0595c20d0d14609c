export const dynamic = 'force-static'
export const revalidate = 3600

export function generateStaticParams() {
  return []
}

export function GET() {
  return new Response(`${'large '.repeat(500_000)} by ${process.pid} at ${performance.now()}`)
}

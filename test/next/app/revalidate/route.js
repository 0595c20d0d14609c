import { revalidateTag } from 'next/cache'

export async function POST(request) {
  const { searchParams } = new URL(request.url)
  revalidateTag(searchParams.get('tag'), { expire: 0 })
  return new Response('done')
}

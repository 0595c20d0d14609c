import { revalidatePath, revalidateTag } from 'next/cache'

export async function POST(request) {
  const { searchParams } = new URL(request.url)
  const [tag, path] = [searchParams.get('tag'), searchParams.get('path')]
  if (tag !== null) revalidateTag(tag, { expire: 0 })
  if (path !== null) revalidatePath(path)
  return new Response('done')
}

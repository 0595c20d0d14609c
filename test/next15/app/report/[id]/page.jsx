export const revalidate = 3600

export function generateStaticParams() {
  return []
}

export default async function Page({ params }) {
  const { id } = await params
  const asked = { next: { tags: [`report-${id}`], revalidate: 3600 } }
  const data = await fetch(`${process.env.ORIGIN}/${id}`, asked)
  return <p>{`${await data.text()} rendered by ${process.pid} at ${performance.now()}`}</p>
}

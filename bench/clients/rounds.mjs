// Interleaved rounds: every contestant in turn, round after round, so that other work of the
// machine affects all equally. Figures are medians over the rounds, with the quartiles as spread.

/**
 * `contestants`: `{ name, run }`. Returns, per name, each figure as `{ median, low, high }`. A
 * contestant whose run fails is omitted, with a message.
 */
export async function interleave(contestants, rounds, told = () => {}) {
  const all = new Map(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another contestant, so that none is always measured after the same
    // one.
    for (let i = 0; i < contestants.length; i++) {
      const { name, run } = contestants[(i + round) % contestants.length]
      const figures = all.get(name)
      if (figures === undefined) continue
      try {
        figures.push(checked(await run()))
      } catch (error) {
        console.error(`left out: ${name}: ${error.message}`)
        all.delete(name)
      }
    }
    told(round)
  }
  return new Map([...all].map(([name, runs]) => [name, summaryOf(runs)]))
}

/** Failed operations are fast, so a run with failures gives no figure. */
function checked(figures) {
  const { perSecond, failed = 0, wrong = 0 } = figures
  if (perSecond === 0 || failed + wrong > 0)
    throw new Error(`${failed + wrong} failed or were wrong`)
  return figures
}

export function summaryOf(runs) {
  const figures = {}
  for (const figure of Object.keys(runs[0])) {
    const values = runs.map((run) => run[figure]).sort((a, b) => a - b)
    figures[figure] = {
      median: round(quantile(values, 0.5)),
      low: round(quantile(values, 0.25)),
      high: round(quantile(values, 0.75)),
    }
  }
  return figures
}

export function quantile(sorted, share) {
  const at = (sorted.length - 1) * share
  const low = Math.floor(at)
  const rest = at - low
  return sorted[low] + (rest > 0 ? (sorted[low + 1] - sorted[low]) * rest : 0)
}

function round(value) {
  return value === undefined || value === 0 ? 0 : Number(value.toPrecision(4))
}

// Draws docs/pictures/remap-remove.svg, remap-add.svg and ring-imbalance.svg from the committed
// bench/results/remap-curve.json: `node bench/ring-pictures.mjs`.
import { readFileSync } from 'node:fs'
import { lines, savePicture } from './picture.mjs'

const file = new URL('results/remap-curve.json', import.meta.url)
const { curve, imbalance } = JSON.parse(readFileSync(file, 'utf8'))

const colours = {
  modula: '#d9663a',
  ketama: '#0f8a6d',
  nginx: '#3f7fbf',
  dalli: '#8b5fc7',
  rendezvous: '#b58a1b',
  maglev: '#c2407f',
  jump: '#5c6b7a',
}

for (const change of ['remove', 'add']) {
  const of = (name) =>
    curve.filter((point) => point.distribution === name && point.change === change)
  const series = Object.entries(colours).map(([name, colour]) => {
    return { name, colour, points: of(name).map(({ hosts, moved }) => [hosts, moved]) }
  })
  const fewest = of('ketama').map(({ hosts, ideal }) => [hosts, ideal])
  series.push({ name: 'the fewest possible', colour: '#888888', dash: '3 4', points: fewest })
  const axes = {
    title: `Keys that move when one of n hosts ${change === 'remove' ? 'leaves' : 'joins'}`,
    xLabel: 'hosts before the change',
    x: [2, 5, 10, 20, 50, 100],
    y: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    yText: (value) => `${value * 100} %`,
  }
  savePicture(`remap-${change}`, lines(axes, series))
}

const shades = ['#3f7fbf', '#0f8a6d', '#b58a1b', '#d9663a', '#c2407f']
const axes = {
  title: 'Load of the busiest host over the mean',
  xLabel: 'points per host',
  x: [40, 100, 160, 640],
  y: [1, 1.1, 1.2, 1.3, 1.4, 1.5],
  yText: (value) => value.toFixed(1),
  linearY: true,
}
const series = [3, 5, 10, 50, 100].map((hosts, i) => {
  const rows = imbalance.filter((row) => row.hosts === hosts)
  const points = rows.map(({ points: perHost, maxOverMean }) => [perHost, maxOverMean])
  return { name: `${hosts} hosts`, colour: shades[i], points }
})
savePicture('ring-imbalance', lines(axes, series))

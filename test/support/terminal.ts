import { execFileSync } from 'node:child_process'
import process from 'node:process'

/** A program in a real terminal emulator: tmux, without a window. */
export interface Terminal {
  /** What the screen shows now; with colours as escape sequences on request. */
  screen(withColours?: boolean): string
  /** Waits until the screen shows something. */
  waitFor(pattern: RegExp): Promise<string>
  press(key: string): void
  end(): void
}

const WAIT_MS = 20_000

/** Runs a shell command in a terminal of that size, under its own `tmux` server. */
export function startTerminal(command: string, columns: number, rows: number): Terminal {
  const socket = `mintring-${process.pid}-${performance.now().toFixed(0)}`
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-L', socket, ...args], { encoding: 'utf8' })
  const size = ['-x', String(columns), '-y', String(rows)]
  tmux('-f', '/dev/null', 'new-session', '-d', ...size, command)
  const screen = (withColours = false): string =>
    tmux('capture-pane', '-p', ...(withColours ? ['-e'] : []))
  return {
    screen,
    async waitFor(pattern) {
      const endMs = performance.now() + WAIT_MS
      for (;;) {
        const shown = screen()
        if (pattern.test(shown)) return shown
        if (performance.now() > endMs) throw new Error(`no ${pattern} on the screen:\n${shown}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    press: (key) => void tmux('send-keys', key),
    end: () => void tmux('kill-server'),
  }
}

// The shop of the demo: an HTTP service on a SQLite database and a directory of configuration. It knows nothing of
// Understudy: it reads CONFIG_DIR, DATABASE and PORT as any service would.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const { CONFIG_DIR, DATABASE, PORT } = process.env
const read = () => {
  const shop = JSON.parse(readFileSync(join(CONFIG_DIR, 'shop.json'), 'utf8'))
  if (typeof shop.currency !== 'string') throw new Error('shop.json has no currency')
  return { ...shop, banner: readFileSync(join(CONFIG_DIR, 'banner.txt'), 'utf8').trim() }
}
read() // a service that cannot read its configuration does not start

const db = new DatabaseSync(DATABASE)
db.exec('PRAGMA busy_timeout = 5000')
const one = db.prepare('SELECT id, name, price_cents FROM items WHERE id = ?')
const page = db.prepare('SELECT id, name, price_cents FROM items ORDER BY id LIMIT ?')
const put = db.prepare(
  'INSERT INTO items (id, name, price_cents) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, price_cents = excluded.price_cents',
)

const server = createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  try {
    const { pathname } = new URL(request.url, 'http://shop')
    const id = /^\/items\/([a-z0-9-]+)$/.exec(pathname)?.[1]
    if (pathname === '/health') return answer(page.all(1).length >= 0 ? 200 : 503, { release: 'v1' })
    if (pathname === '/') return answer(200, { release: 'v1', pid: process.pid, ...read() })
    if (pathname === '/items') return answer(200, page.all(read().pageSize))
    if (id === undefined) return answer(404, { error: 'no such page' })
    if (request.method === 'GET') {
      const item = one.get(id)
      return item === undefined ? answer(404, { error: 'no such item' }) : answer(200, item)
    }
    if (request.method !== 'PUT') return answer(405, { error: 'GET or PUT' })
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      try {
        const { name, price_cents } = JSON.parse(body)
        put.run(id, name, price_cents)
        answer(200, one.get(id))
      } catch (error) {
        answer(500, { error: error.message })
      }
    })
  } catch (error) {
    answer(500, { error: error.message })
  }
})
server.listen(Number(PORT), '127.0.0.1')
process.on('SIGTERM', () => server.close(() => process.exit(0)))

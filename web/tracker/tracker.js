// Cartograph's tracker, explained in docs/tracker.md
(() => {
const script = document.currentScript, data = script.dataset,
  url = new URL("v1/events?key=" + data.key, script.src)
let queue = load("cg_queue") || [], visit = load("cg_visit"), flight = [], timer

function load(name) { try { return JSON.parse(localStorage[name]) } catch {} }
function keep(name, value) { try { localStorage[name] = JSON.stringify(value) } catch {} }
function uuid() {
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g,
    () => (crypto.getRandomValues(new Uint8Array(1))[0] & 15).toString(16))
}
const user = load("cg_user") || uuid()
keep("cg_user", user)

function track(type, fields) {
  const ts = Date.now()
  if (!visit || ts - visit.ts > 18e5) visit = { id: uuid() }
  visit.ts = ts
  keep("cg_visit", visit)
  rest([...queue, {
    type, event_id: uuid(), user_id: user, session_id: visit.id, ts, channel: data.channel || "website",
    ...type == "click" && { page: location.pathname, referrer: document.referrer }, ...fields
  }].slice(-50))
  wait(1e3)
}
function rest(events) { keep("cg_queue", queue = events) }
function waiting() { return queue.filter(e => !flight.includes(e)) }
function wait(time) { timer ||= setTimeout(send, time) }
function send() {
  timer = 0
  if (flight[0] || !queue[0]) return
  flight = queue
  fetch(url, { method: "POST", body: JSON.stringify(flight), keepalive: true })
    .then(answer => { answer.status < 429 && rest(waiting()) }, () => {})
    .then(() => { flight = []; queue[0] && wait(3e4) })
}
function leave() {
  const last = waiting()
  if (last[0] && navigator.sendBeacon(url, JSON.stringify(last))) rest(queue.filter(e => !last.includes(e)))
}

const early = window.cartograph?.q || [], product_id = data.productId || document.body?.dataset.productId
window.cartograph = track
if (product_id) track("click", { product_id })
early.forEach(call => track(...call))
addEventListener("pagehide", leave)
addEventListener("visibilitychange", () => document.hidden && leave())
wait(1e3)
})()

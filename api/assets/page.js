/**
 * What pages gain with JavaScript: the viewer's own time beside the venue's, a countdown by the server's clock, and
 * regions that look again by themselves.
 * @module
 */

const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const time of document.querySelectorAll("time[data-local]")) {
  if (time.textContent.includes(ownZone)) continue;
  const at = new Date(time.dateTime);
  const own = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(at);
  time.after(` (${own} where you are)`);
}

/** Seconds at which the time left is said aloud: five, two, one minute and half a minute. */
const SAID_S = [300, 120, 60, 30];
/** From here on the clock looks urgent. */
const SOON_S = 120;

let ticking;
let tick = () => {};
/** The time left as it was last shown, so that a mark is said once however often the page renews itself. */
let lastLeft = Infinity;

/** Counts down what the page shows, if it shows something to count down. */
function runClock() {
  clearInterval(ticking);
  tick = () => {};
  const clock = document.getElementById("countdown");
  if (!clock) return;
  // The server's clock at the time the page was made; only elapsed time is taken from this machine.
  const shown = performance.now();
  const endsInMs = Date.parse(clock.dataset.expires) - Date.parse(clock.dataset.now);
  const said = document.getElementById("countdown-said");
  tick = () => {
    const left = Math.max(0, Math.ceil((endsInMs - (performance.now() - shown)) / 1000));
    clock.textContent = left === 0 ? "Time is up" : `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
    clock.closest(".timer").classList.toggle("soon", left <= SOON_S);
    const due = SAID_S.find((mark) => left <= mark && lastLeft > mark);
    if (due && lastLeft !== Infinity) said.textContent = due >= 60 ? `${due / 60} ${due === 60 ? "minute" : "minutes"} left.` : `${due} seconds left.`;
    if (left === 0) {
      if (lastLeft !== 0) said.textContent = clock.dataset.over;
      clearInterval(ticking);
    }
    lastLeft = left;
  };
  ticking = setInterval(tick, 1000);
  tick();
}
document.addEventListener("visibilitychange", () => tick());

/** The first pause before a page looks again, and the longest. */
const LOOK_MS = 700;
const LOOK_MAX_MS = 10_000;

/** What the server said, but for its time, which is another at each look. */
const stable = (of) => of.innerHTML.replace(/ data-now="[^"]*"/g, "");
const region = document.querySelector("[data-region]");
let told = region && stable(region);
runClock();

/**
 * Puts what the server says now in the place of a region. The focus stays on what it was on, or goes to the heading
 * when that is gone; what has changed is said by a node that is always there, since new ones are not listened to.
 */
async function renew(region) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(`the page answered ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-region]");
  if (!fresh) return;
  const now = stable(fresh);
  if (now !== told) {
    told = now;
    const held = region.contains(document.activeElement) ? document.activeElement.id : null;
    region.replaceChildren(...fresh.childNodes);
    if (held !== null) (region.querySelector(`#${CSS.escape(held || "heading")}`) ?? region.querySelector("#heading"))?.focus();
    runClock();
  }
  if (fresh.dataset.said && fresh.dataset.said !== region.dataset.said) {
    region.dataset.said = fresh.dataset.said;
    document.getElementById("region-said").textContent = fresh.dataset.said;
  }
  region.toggleAttribute("data-look-again", fresh.hasAttribute("data-look-again"));
}

if (region?.hasAttribute("data-look-again")) {
  const look = async (pause) => {
    try {
      await renew(region);
    } catch (error) {
      console.warn(error);
    }
    if (region.hasAttribute("data-look-again")) setTimeout(look, pause, Math.min(pause * 1.5, LOOK_MAX_MS));
  };
  setTimeout(look, LOOK_MS, LOOK_MS);
}
if (region?.dataset.live) {
  const source = new EventSource(region.dataset.live);
  let busy = false;
  source.addEventListener("sales", async () => {
    if (busy || document.hidden) return;
    busy = true;
    await renew(region).catch(console.warn);
    busy = false;
  });
}

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

const clock = document.getElementById("countdown");
if (clock) {
  // The server's clock at the time the page was made; only elapsed time is taken from this machine.
  const shown = performance.now();
  const endsInMs = Date.parse(clock.dataset.expires) - Date.parse(clock.dataset.now);
  const said = document.getElementById("countdown-said");
  let last = Infinity;
  const tick = () => {
    const left = Math.max(0, Math.ceil((endsInMs - (performance.now() - shown)) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
    clock.closest(".timer").classList.toggle("soon", left <= SOON_S);
    const due = SAID_S.find((mark) => left <= mark && last > mark);
    if (due && last !== Infinity) said.textContent = due >= 60 ? `${due / 60} ${due === 60 ? "minute" : "minutes"} left.` : `${due} seconds left.`;
    last = left;
    if (left === 0) {
      clock.textContent = "Time is up";
      said.textContent = "Your places are no longer held. Go on all the same: if nobody has taken them, they are yours again.";
      clearInterval(timer);
    }
  };
  const timer = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  tick();
}

/** The first pause before a page looks again, and the longest. */
const LOOK_MS = 700;
const LOOK_MAX_MS = 10_000;

/** Puts what the server says now in the place of a region; focus and reading position stay where nothing changed. */
async function renew(region) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(`the page answered ${response.status}`);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-region]");
  if (!fresh) return region;
  if (fresh.innerHTML !== region.innerHTML) region.replaceChildren(...fresh.childNodes);
  region.toggleAttribute("data-look-again", fresh.hasAttribute("data-look-again"));
  return region;
}

const region = document.querySelector("[data-region]");
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

/**
 * What pages gain with JavaScript: the viewer's own time beside the venue's, and a countdown by the server's clock.
 * @module
 */

for (const time of document.querySelectorAll("time[data-local]")) {
  const at = new Date(time.dateTime);
  const own = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(at);
  time.after(` (${own} where you are)`);
}

/** Seconds at which the time left is said aloud: UX calls for five, two, one minute and half a minute. */
const SAID_S = [300, 120, 60, 30];

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
    const due = SAID_S.find((mark) => left <= mark && last > mark);
    if (due && last !== Infinity) said.textContent = due >= 60 ? `${due / 60} minutes left.` : `${due} seconds left.`;
    last = left;
    if (left === 0) {
      clock.textContent = "Time is up";
      said.textContent = "Your places are no longer held. You can still try to go on: if nobody took them, they are yours.";
      clearInterval(timer);
    }
  };
  const timer = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  tick();
}

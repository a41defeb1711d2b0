/**
 * Pointer and wheel on the canvas, told as intentions: pan, zoom, tap, hover.
 *
 * The page must stay scrollable: a plain wheel scrolls it until the map has been clicked (with Ctrl or ⌘, or a pinch on
 * a touchpad, it always zooms), and one finger scrolls it while the whole venue is in view. Nothing needs a drag:
 * buttons zoom, a tap on empty ground centres it.
 * @module
 */

/** A finger trembles more than a mouse. */
const TAP_PX = { mouse: 4, pen: 8, touch: 10 };
const WHEEL_STEP = 0.0022;
/** Some wheels report lines instead of pixels. */
const LINE_PX = 16;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{pan: (dx: number, dy: number) => void, zoom: (x: number, y: number, factor: number) => void,
 *          tap: (x: number, y: number, pointerType: string) => void, hover: (x: ?number, y: ?number) => void,
 *          wheelRefused: () => void, isWhole: () => boolean}} intentions
 * @param {AbortSignal} signal ends it
 */
export function listen(canvas, intentions, signal) {
  const pointers = new Map();
  let moved = false;
  let engaged = false;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const on = (name, handler, options = {}) => canvas.addEventListener(name, handler, { ...options, signal });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (pointers.size === 0) moved = false;
    else moved = true;
    pointers.set(event.pointerId, { ...at(event), start: at(event) });
    canvas.setPointerCapture(event.pointerId);
    engaged = true;
    intentions.hover(null, null);
  });

  on("pointermove", (event) => {
    const point = at(event);
    const known = pointers.get(event.pointerId);
    if (!known) return event.pointerType === "mouse" ? intentions.hover(point.x, point.y) : undefined;
    const away = Math.hypot(point.x - known.start.x, point.y - known.start.y);
    moved ||= away > (TAP_PX[event.pointerType] ?? TAP_PX.touch);
    const before = [...pointers.values()].map(({ x, y }) => ({ x, y }));
    Object.assign(known, point);
    if (moved) gesture(before, [...pointers.values()], intentions);
  });

  on("pointerup", (event) => {
    const known = pointers.get(event.pointerId);
    pointers.delete(event.pointerId);
    if (known && !moved && pointers.size === 0) intentions.tap(known.x, known.y, event.pointerType);
  });
  on("pointercancel", (event) => pointers.delete(event.pointerId));
  on("pointerleave", (event) => {
    if (event.pointerType === "mouse" && pointers.size === 0) engaged = false;
    intentions.hover(null, null);
  });

  on(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !engaged) return intentions.wheelRefused();
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
      // A touchpad's pinch arrives as a wheel of small steps with ctrlKey set.
      const speed = event.ctrlKey && Math.abs(pixels) < 50 ? 4 : 1;
      const { x, y } = at(event);
      intentions.zoom(x, y, Math.exp(-pixels * WHEEL_STEP * speed));
    },
    { passive: false },
  );
}

/** One pointer pans; two pan by their middle and zoom by their distance. */
export function gesture(before, now, { pan, zoom, isWhole }) {
  const middle = (points) => ({
    x: points.reduce((sum, { x }) => sum + x, 0) / points.length,
    y: points.reduce((sum, { y }) => sum + y, 0) / points.length,
  });
  const [from, to] = [middle(before), middle(now)];
  if (now.length > 1 || !isWhole()) pan(to.x - from.x, to.y - from.y);
  if (now.length < 2) return;
  const distance = ([a, b]) => Math.hypot(a.x - b.x, a.y - b.y);
  const [was, is] = [distance(before), distance(now)];
  if (was > 0 && is > 0) zoom(to.x, to.y, is / was);
}

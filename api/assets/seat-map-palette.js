/**
 * Colours of the map. Tiers differ in hue and lightness, so that they can be told apart by people who see colours
 * differently, and every one stands out from its background by 3 : 1 (WCAG 1.4.11). State is never colour alone.
 * @module
 */

/** After Okabe and Ito, darkened until each reaches 3 : 1 on white. */
const ON_LIGHT = ["#0072b2", "#b34d00", "#00795a", "#a5477f", "#6b5b00", "#4b4bb8", "#8a3b3b", "#33698a"];
/** The same hues, light enough for a dark background. */
const ON_DARK = ["#56b4e9", "#e69f00", "#2fc79a", "#e59ac4", "#f0e442", "#9d9dff", "#f08c8c", "#8fc7e8"];

const CONTRAST_MIN = 3;

/** Parts of a `#rrggbb` or `rgb(…)` colour, 0 to 255; `null` if it is neither. */
export function parseColor(text) {
  const hex = /^#([0-9a-f]{6})$/i.exec(text.trim());
  if (hex) return [0, 2, 4].map((at) => parseInt(hex[1].slice(at, at + 2), 16));
  const parts = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/.exec(text.trim());
  return parts ? parts.slice(1, 4).map(Number) : null;
}

/** Relative luminance as WCAG defines it. */
export function luminance(color) {
  const [r, g, b] = (parseColor(color) ?? [0, 0, 0]).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a, b) {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** Mixed in sRGB: `share` of `a`, the rest of `b`. */
export function mix(a, b, share) {
  const [from, to] = [parseColor(a) ?? [0, 0, 0], parseColor(b) ?? [0, 0, 0]];
  const parts = from.map((part, i) => Math.round(part * share + to[i] * (1 - share)));
  return `rgb(${parts.join(",")})`;
}

/**
 * @param {{background: string, ink: string}} page
 * @param {{color?: string}[]} tiers the plan's; its own colours are used where they can be seen
 */
export function palette({ background, ink }, tiers) {
  const dark = luminance(background) < 0.2;
  const own = dark ? ON_DARK : ON_LIGHT;
  const tierColor = (tier, i) =>
    tier.color && contrast(tier.color, background) >= CONTRAST_MIN ? tier.color : own[i % own.length];
  const colors = tiers.map(tierColor);
  return {
    dark,
    background,
    ink,
    tiers: colors,
    /** Ink on a tier's colour. */
    onTiers: colors.map((color) => (contrast(color, "#ffffff") >= contrast(color, "#111111") ? "#ffffff" : "#111111")),
    dimmed: colors.map((color) => mix(color, background, 0.22)),
    shapes: colors.map((color) => mix(color, background, 0.3)),
    taken: mix(ink, background, 0.32),
    line: mix(ink, background, 0.25),
    floor: mix(ink, background, 0.06),
    muted: mix(ink, background, 0.7),
    selected: ink,
    onSelected: background,
    lost: dark ? "#ff7b72" : "#b3001b",
  };
}

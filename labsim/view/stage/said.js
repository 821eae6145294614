// How a value is said: the rule of labsim/text.py, with its tables as they are there.
export function said(value, unit, rule) {
  const [rows, own, behind] = rule.families[unit] ?? [rule.numbers, 1, ""];
  if (!Number.isFinite(value)) {
    const never = value > 0 && rows === rule.families[unit]?.[0] && rows.some((r) => r[1] === "h");
    return [Number.isNaN(value) ? "unknown" : never ? "never" : "unlimited", ""];
  }
  if (unit === "on") return [value ? "on" : "off", ""];
  if (unit === rule.share || unit.startsWith("of ")) {
    return [percent(value) + "%", unit === rule.share ? "" : unit];
  }
  const size = Math.abs(value) * own, rounded = Number(size.toPrecision(digits(size, 3)));
  const [factor, large] = rows.find(([factor, , least, whole]) => size === 0 ? factor === 1
    : (size >= whole * factor && size % factor === 0) || (least !== null && rounded >= least * factor));
  let number = text(size / factor, 3, value < 0), name = large;
  const single = number === "1" || number === "-1";
  if (rows === rule.numbers) {
    number = `${number} ${large}`.trim();
    name = single && factor === 1 ? one(unit) : unit;
  } else if (rule.counted.includes(name) && !single) name += "s";
  name += behind;
  return rule.close.includes(name) ? [number + name, ""] : [number, name];
}

export const format = (value, unit, rule) => said(value, unit, rule).join(" ").trim();

const digits = (size, figures) => Math.max(figures, String(Math.trunc(size)).length);

function text(size, figures, negative) {
  const [whole, rest] = Number(size.toPrecision(digits(size, figures))).toFixed(12).split(".");
  const found = (whole.replace(/\B(?=(\d{3})+$)/g, ",") + "." + rest).replace(/\.?0+$/, "");
  return negative && found !== "0" ? "-" + found : found;
}

function percent(share) {
  let figures = 3, found = text(Math.abs(100 * share), 3, share < 0);
  while (found === "100" && share < 1 && figures < 6) found = text(100 * share, ++figures, false);
  return found;
}

function one(things) {
  if (!/^[a-zA-Z]{3,}s$/.test(things) || things.endsWith("ss")) return things;
  return things.replace(/ies$/, "ys").replace(/(ch|x|ss)es$/, "$1s").slice(0, -1);
}

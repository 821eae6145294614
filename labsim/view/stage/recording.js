// -- a recording: see recording.py ---------------------------------------------------------------

function opened(data) {
  const bytes = data instanceof Uint8Array ? data
    : new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const run = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const lazy = new Map();
  let from = 4 + size;
  for (const [name, unit, scale, length] of run.series) {
    lazy.set(name, {unit, scale, bytes: bytes.subarray(from, from + length)});
    from += length;
  }
  run.has = name => lazy.has(name);
  run.unit = name => lazy.get(name)?.unit ?? '';
  run.values = name => {
    const series = lazy.get(name);
    return series && (series.values ??= unrolled(series.bytes, run.n, series.scale));
  };
  run.index = t => Math.max(0, Math.min(run.n - 1,
    Math.floor(t / run.duration * (run.n - 1) + 1e-6)));
  run.at = (name, t) => run.values(name)?.[run.index(t)] ?? 0;
  run.top = name => {
    const series = lazy.get(name);
    return series ? (series.top ??= run.values(name).reduce((a, b) => Math.max(a, b), 0)) : 0;
  };
  run.grows = name => run.values(name).every((v, i, all) => !i || v >= all[i - 1]);
  // How much has passed up to each instant: of a rate.
  run.passed = name => {
    const series = lazy.get(name);
    if (!series) return null;
    if (!series.passed) {
      const values = run.values(name), sums = new Float64Array(run.n);
      const step = run.duration / (run.n - 1);
      for (let i = 1; i < run.n; i++) sums[i] = sums[i - 1] + values[i] * step;
      series.passed = sums;
    }
    return series.passed;
  };
  return run;
}

function unrolled(bytes, n, scale) {
  const out = new Float64Array(n);
  let number = 0, place = 1, sum = 0, i = 0, zeros = false;
  for (const byte of bytes) {
    number += (byte & 127) * place;
    place *= 128;
    if (byte > 127) continue;
    if (zeros) {
      for (let k = 0; k <= number && i < n; k++) out[i++] = sum * scale;
      zeros = false;
    } else if (number === 0) zeros = true;
    else {
      sum += number % 2 ? -(number + 1) / 2 : number / 2;
      out[i++] = sum * scale;
    }
    number = 0;
    place = 1;
  }
  return out;
}

function fromText(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

// The value of sums (growing) at t, and when they reached a value: between instants on a line.
function between(run, sums, t) {
  const x = Math.max(0, Math.min(run.n - 1, t / run.duration * (run.n - 1)));
  const i = Math.min(run.n - 2, Math.floor(x));
  return sums[i] + (x - i) * (sums[i + 1] - sums[i]);
}
function reached(run, sums, value) {
  let low = 0, high = run.n - 1;
  while (high - low > 1) {
    const middle = low + high >> 1;
    if (sums[middle] < value) low = middle; else high = middle;
  }
  const gap = sums[high] - sums[low];
  const part = gap > 0 ? (value - sums[low]) / gap : 0;
  return (low + Math.max(0, Math.min(1, part))) * run.duration / (run.n - 1);
}

// The most that ever passes in a second, over a sixtieth of the run.
function steepest(run, sums) {
  const wide = Math.max(1, Math.round((run.n - 1) / 60)), step = run.duration / (run.n - 1);
  let most = 0;
  for (let i = wide; i < run.n; i++) most = Math.max(most, (sums[i] - sums[i - wide]) / wide);
  return most / step;
}

// When something happens: faults, events that panels mark, the worst instant, the end.
function moments(plan, run) {
  const marked = new Set(plan.panels.flatMap(panel => panel.marks));
  const found = [...run.faults.flatMap(([, , from, to]) => [from, to]),
    ...run.events.filter(event => marked.has(event[1])).map(event => event[0]),
    worst(plan, run)].filter(t => t > 0 && t < run.duration).sort((a, b) => a - b);
  const kept = [0];
  for (const t of found) if (t - kept.at(-1) > run.duration / 25) kept.push(t);
  kept.push(run.duration);
  return kept;
}

// The instant at which most is wrong: alarms ring, piles are high; in a quiet run when most flows.
function worst(plan, run) {
  const score = new Float64Array(run.n);
  const add = (name, weight) => {     // a count that only grows says nothing about a moment
    const values = run.values(name), top = run.top(name);
    if (!values || !(top > 0) || run.grows(name)) return;
    for (let i = 0; i < run.n; i++) score[i] += weight * values[i] / top;
  };
  for (const box of plan.boxes) {
    if (box.alarm) add(box.alarm, 3);
    for (const [, name] of box.show) if (isPile(run.unit(name))) add(name, 2);
  }
  if (!score.some(value => value > 0)) return run.duration / 2;
  let best = 0;
  for (let i = 1; i < run.n; i++) if (score[i] > score[best] + 1e-9) best = i;
  return best * run.duration / (run.n - 1);
}

// -- numbers and moments in words ----------------------------------------------------------------

const amount = (value, unit = '') => format(value, unit ?? '', RULE);
const figures = value => amount(value);
const short = value => Math.abs(value) >= 1e6 ? compact(Number(value.toPrecision(3)))
  : figures(value);
// In which unit people tell values up to `top`: how much of the series' unit it is, and its name.
function scaled(top, unit) {
  const [rows, own, behind] = RULE.families[unit] ?? [[], 1, ''];
  const row = rows.find(([factor, , least]) => least !== null && top * own >= least * factor);
  return row ? [row[0] / own, row[1] + behind] : [1, unit];
}
const isRate = unit => /(\/s|per s)$/.test(unit ?? '');
const isShare = unit => unit === RULE.share || /^of /.test(unit ?? '');
const isPile = unit => /^(messages|requests|records|I\/Os|reads|writes|executions|connections)$/
  .test(unit ?? '');
const isMachine = unit => /^(instances|replicas|targets|servers|consumers|copies)$/
  .test(unit ?? '');

function clock(t, duration = Infinity) {    // 12:30 or 1:02:30, with days before it
  if (duration < 20) return `${t.toFixed(1)} s`;
  t = Math.floor(t);
  const two = n => String(n).padStart(2, '0');
  const d = Math.floor(t / 86400), h = Math.floor(t / 3600) % 24, m = Math.floor(t / 60) % 60;
  const days = d ? `${d} d ` : '';
  return days + (h || d ? `${h}:${two(m)}` : m) + `:${two(t % 60)}`;
}

const sentence = text => text && text[0].toUpperCase() + text.slice(1).replace(/\.?$/, '.');

// Text on a canvas (`to`: its g, look and font), squeezed into its room; gives the width used.
function write({g, look, font}, text, x, y, {bold = false, size = 1, room = 1e4, align = 'left',
  ink = look.ink, halo = false} = {}) {
  const set = px => { g.font = `${bold ? 'bold ' : ''}${px}px ${look.face}`; };
  set(size * font);
  const natural = g.measureText(text).width;
  if (natural > room) set(Math.max(size * font * room / natural, Math.min(size, 0.75) * font));
  g.textAlign = align;
  if (halo) {
    g.strokeStyle = look.paper;
    g.lineWidth = 4;
    g.strokeText(text, x, y, Math.max(room, 1));
  }
  g.fillStyle = ink;
  g.fillText(text, x, y, Math.max(room, 1));
  return Math.min(g.measureText(text).width, room);
}

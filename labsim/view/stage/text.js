// -- numbers and moments in words (labsim/text.py says the same) ---------------------------------

const figures = value => {      // three significant figures, thousands separated, no exponent
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
};
const said = (value, unit = '') => `${figures(value)} ${unit}`.trim();
const isRate = unit => /(\/s|per s)$/.test(unit ?? '');
const isShare = unit => /^(of |share)/.test(unit ?? '');

function clock(t) {             // 12:30 or 1:02:30, with days before it
  t = Math.floor(t);
  const two = n => String(n).padStart(2, '0');
  const d = Math.floor(t / 86400), h = Math.floor(t / 3600) % 24, m = Math.floor(t / 60) % 60;
  const days = d ? `day ${d + 1}, ` : '';
  return days + (h || d ? `${h}:${two(m)}` : m) + `:${two(t % 60)}`;
}

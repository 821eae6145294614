// -- numbers and moments in words ----------------------------------------------------------------

const amount = (value, unit = '') => format(value, unit ?? '', RULE);
const figures = value => amount(value);
const isRate = unit => /(\/s|per s)$/.test(unit ?? '');
const isShare = unit => unit === RULE.share || /^of /.test(unit ?? '');
const isPile = unit => /^(messages|requests|records|I\/Os|reads|writes|executions|connections)$/
  .test(unit ?? '');
const isMachine = unit => /^(instances|replicas|targets|servers|consumers|copies)$/
  .test(unit ?? '');

function clock(t) {             // 12:30 or 1:02:30, with days before it
  t = Math.floor(t);
  const two = n => String(n).padStart(2, '0');
  const d = Math.floor(t / 86400), h = Math.floor(t / 3600) % 24, m = Math.floor(t / 60) % 60;
  const days = d ? `${d} d ` : '';
  return days + (h || d ? `${h}:${two(m)}` : m) + `:${two(t % 60)}`;
}

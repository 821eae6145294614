/* A curve to draw, with a mouse, a finger or the arrow keys; then the model draws its own. */

const WIDE = 640, TALL = 300, LEFT = 64, RIGHT = 14, ABOVE = 14, BELOW = 42;
const LIFT = 40, LEAP = 5;      // steps of the arrow keys from bottom to top, and of a long one

function sketch(ask) {
  const axes = ask.axes, places = axes.places.length - 1, heights = new Map();
  const known = axes.known, from = known.length ? known[known.length - 1][0] : axes.left;
  let cursor = 0, hand = null, truth = [];
  if (known.length) heights.set(0, known[known.length - 1][1]);

  const toX = x => LEFT + (x - axes.left) / (axes.right - axes.left) * (WIDE - LEFT - RIGHT);
  const toY = y => TALL - BELOW - y / axes.top * (TALL - ABOVE - BELOW);
  const place = i => from + (axes.right - from) * i / places;
  const clip = y => Math.min(Math.max(y, 0), axes.top);
  const path = points => points.map(([x, y], i) =>
    `${i ? 'L' : 'M'}${toX(x).toFixed(1)} ${toY(clip(y)).toFixed(1)}`).join('');
  const points = () => [...heights].sort((a, b) => a[0] - b[0]).map(([i, y]) => [place(i), y]);

  // -- the paper -------------------------------------------------------------------------------
  const text = (x, y, words, more = {}) => h('svg:text', {x, y, ...more}, words);
  const grid = axes.marks.map(([y, words]) => h('svg:g', {},
    h('svg:line', {class: 'grid', x1: LEFT, x2: WIDE - RIGHT, y1: toY(y), y2: toY(y)}),
    text(LEFT - 6, toY(y) + 4, words, {'text-anchor': 'end'})));
  const ticks = axes.ticks.map(([x, words]) => h('svg:g', {},
    h('svg:line', {class: 'axis', x1: toX(x), x2: toX(x), y1: toY(0), y2: toY(0) + 4}),
    text(toX(x), toY(0) + 18, words, {'text-anchor': 'middle'})));
  const shades = axes.shades.map(([begin, end, words]) => h('svg:g', {},
    h('svg:rect', {class: 'shade', x: toX(begin), width: toX(end) - toX(begin),
      y: ABOVE, height: toY(0) - ABOVE}),
    text((toX(begin) + toX(end)) / 2, ABOVE + 13, words, {'text-anchor': 'middle'})));
  const mine = h('svg:path', {class: 'mine'}), its = h('svg:path', {class: 'its'});
  const dots = h('svg:g', {}), mark = h('svg:g', {class: 'cursor'},
    h('svg:line', {y1: ABOVE, y2: toY(0)}), h('svg:circle', {r: 6}));
  const paper = h('svg:svg', {viewBox: `0 0 ${WIDE} ${TALL}`, 'aria-hidden': 'true'},
    shades, grid, ticks,
    h('svg:line', {class: 'axis', x1: LEFT, x2: WIDE - RIGHT, y1: toY(0), y2: toY(0)}),
    text((LEFT + WIDE - RIGHT) / 2, TALL - 6, axes.across, {'text-anchor': 'middle'}),
    known.length ? h('svg:path', {class: 'known', d: path(known)}) : '', its, mine, dots, mark);
  const aloud = h('span', {class: 'aloud', role: 'status', 'aria-live': 'polite'});
  const help = h('p', {class: 'help', id: 'help'},
    'Draw from left to right with the mouse or a finger. With keys: ', h('kbd', {}, '\u2190'), ' ',
    h('kbd', {}, '\u2192'), ' to another place, ', h('kbd', {}, '\u2191'), ' ',
    h('kbd', {}, '\u2193'), ' put the curve there up or down, Delete takes the point away.');
  const board = h('div', {class: 'board', tabindex: 0, role: 'application',
    'aria-roledescription': 'curve to draw', 'aria-label': `${axes.up}, over ${axes.across}`,
    'aria-describedby': 'help', onpointerdown: down, onpointermove: move, onpointerup: up,
    onpointercancel: up, onkeydown: key}, paper);
  const legend = h('p', {class: 'legend'}, h('span', {class: 'key mine'}), 'yours ',
    h('span', {class: 'its-key', hidden: true}, h('span', {class: 'key its'}), 'the model\u2019s'));
  const clear = h('button', {type: 'button', onclick: () => {
    heights.clear();
    if (known.length) heights.set(0, known[known.length - 1][1]);
    show(); board.focus();
  }}, 'Clear');

  function show() {
    mine.setAttribute('d', heights.size > 1 ? path(points()) : '');
    dots.replaceChildren(...(heights.size > 14 ? [] : points().map(([x, y]) =>
      h('svg:circle', {cx: toX(x), cy: toY(y), r: 3.5}))));
    const x = toX(place(cursor));
    const [line, ring] = mark.children;
    line.setAttribute('x1', x); line.setAttribute('x2', x);
    ring.setAttribute('cx', x); ring.setAttribute('cy', toY(height(cursor)));
  }

  /** The height of the drawn line at a place; beyond its ends that of the end. */
  function height(i) {
    if (heights.has(i)) return heights.get(i);
    const set = [...heights.keys()].sort((a, b) => a - b);
    const before = set.filter(k => k < i).pop(), after = set.find(k => k > i);
    if (before === undefined) return after === undefined ? 0 : heights.get(after);
    if (after === undefined) return heights.get(before);
    const share = (i - before) / (after - before);
    return heights.get(before) + share * (heights.get(after) - heights.get(before));
  }

  // -- by hand ---------------------------------------------------------------------------------
  function spot(event) {
    const box = paper.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * WIDE;
    const y = (event.clientY - box.top) / box.height * TALL;
    const at = axes.left + (x - LEFT) / (WIDE - LEFT - RIGHT) * (axes.right - axes.left);
    const i = Math.round((at - from) / (axes.right - from) * places);
    return [Math.min(Math.max(i, known.length ? 1 : 0), places),
      clip((TALL - BELOW - y) / (TALL - ABOVE - BELOW) * axes.top)];
  }
  function down(event) {
    if (event.button) return;
    board.setPointerCapture(event.pointerId);
    hand = spot(event);
    put(...hand);
  }
  function move(event) {
    if (!hand) return;
    const next = spot(event), [i, y] = hand, step = Math.sign(next[0] - i);
    for (let k = i; k !== next[0]; k += step) {     // what a quick hand has skipped
      heights.set(k, y + (next[1] - y) * (k - i) / (next[0] - i));
    }
    hand = next;
    put(...next);
  }
  function up() { hand = null; }
  function put(i, y) { heights.set(i, y); cursor = i; show(); }

  // -- by keys ---------------------------------------------------------------------------------
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? LEAP : 1, first = known.length ? 1 : 0;
    const to = {ArrowLeft: cursor - far, ArrowRight: cursor + far, Home: 0, End: places}[event.key];
    const by = {ArrowUp: far, ArrowDown: -far, PageUp: LEAP, PageDown: -LEAP}[event.key];
    if (to !== undefined) cursor = Math.min(Math.max(to, 0), places);
    else if (by && cursor >= first) {
      put(cursor, clip(height(cursor) + by * axes.top / LIFT));
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      if (cursor >= first) heights.delete(cursor);
    } else if (event.key === 'Enter') put(cursor, height(cursor));
    else return;
    event.preventDefault();
    show();
    aloud.textContent = `${axes.places[cursor]}: ${amount(height(cursor), axes.unit)}`
      + (heights.has(cursor) ? '' : ', no point yet');
  }

  show();
  return {
    parts: [h('p', {class: 'up'}, axes.up), board, aloud, legend, help], buttons: [clear],
    focus: board, value: () => heights.size > 1 ? points() : null,
    told(curve) {
      if (!curve?.length || curve === truth) return;
      truth = curve;
      its.setAttribute('d', path(curve));
      its.style.setProperty('--long', its.getTotalLength?.() ?? 2000);
      its.classList.add('drawn');
      legend.querySelector('.its-key').hidden = false;
    },
  };
}

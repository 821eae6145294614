/* The stage of a demo: see stage.py. What the kernel sends is shown at once; hands, keys and
   remote controls send messages back. Nothing here knows any lab. */

const RUN = 12;             // seconds that a whole run plays at speed 1
const BEAT = 100;           // least milliseconds between two moments
const PATIENCE = 3000;      // milliseconds after which an answer is no longer waited for
const PING = 1500, DEAD = 6000;     // milliseconds: how often to ask for life, when to give up
const LEAVE = 4000;         // milliseconds after which a slider lets go of the keyboard
const SPEEDS = [0.5, 1, 2, 4, 8];
const PAGE = `
  <header>
    <p class="st-step"><span class="st-lab"></span> <span class="st-place"></span></p>
    <div class="st-told" aria-live="polite"><h1><span class="st-number"></span><span class="st-title"></span></h1><p class="st-say"></p></div>
    <div class="st-buttons">
      <button class="st-back" title="Arrow left or Page up">\u25c0 Back</button>
      <button class="st-next" title="Arrow right or Page down">Next \u25b6</button>
      <select class="st-go" aria-label="Step"></select>
    </div>
    <div class="st-buttons st-small">
      <button class="st-pin" title="Keep this run to compare with (P)">Pin</button>
      <button class="st-unpin">Unpin</button>
      <button class="st-copy">Copy link</button>
      <button class="st-dark" aria-pressed="false">Dark</button>
      <button class="st-more" aria-expanded="false">All parameters</button>
    </div>
  </header>
  <p class="st-notice" role="alert" hidden></p>
  <p class="st-link" hidden><label>The link to this state
    <input class="st-address" readonly></label></p>
  <div class="st-main">
    <div class="st-left">
      <img class="labsim-figure st-figure" alt="">
      <div class="st-play">
        <button class="st-start" aria-label="Play" title="Space">\u25b6</button>
        <input class="st-scrub" type="range" min="0" max="1000" aria-label="Moment of the run">
        <output class="st-clock"></output>
        <select class="st-speed" aria-label="Speed">${SPEEDS.map(v =>
          `<option value="${v}"${v === 1 ? ' selected' : ''}>${v}\u00d7</option>`).join('')}
        </select>
      </div>
    </div>
    <div class="st-right">
      <div class="st-cards"></div>
      <p class="st-pinned"></p>
      <div class="labsim-picture st-picture"></div>
      <div class="st-log" role="region" aria-label="Event log" tabindex="0"></div>
    </div>
  </div>
  <p class="st-dead" role="alert" hidden>The demo's kernel does not answer.
    <a href="">Reload this page</a> to go on at this step.</p>`;

function render({model, el}) {
  const gone = new AbortController(), on = {signal: gone.signal};
  el.classList.add('labsim-stage');
  el.innerHTML = PAGE;
  const part = name => el.querySelector('.st-' + name);
  const tell = (what, more = {}) => {
    try { model.send({do: what, ...more}); } catch { dead(true); }
  };
  const dead = yes => { part('dead').hidden = !yes; };

  // -- showing: everything of one message at once, when its figure is decoded --------------------
  let painted = -1, painting = false, last = {};
  const put = (name, key, how) => {
    const value = model.get(key);
    if (last[key] !== value) { last[key] = value; how(part(name), value); }
  };
  const text = (node, value) => { node.textContent = value; };
  const html = (node, value) => { node.innerHTML = value; };
  function curtain(url) {
    const figure = part('figure'), old = figure.src;
    if (url) { figure.src = url; if (old.startsWith('blob:')) URL.revokeObjectURL(old); }
    figure.alt = `${model.get('words')}; ${model.get('title')}, at ${model.get('clock')}`;
    const dark = model.get('dark'), steps = model.get('steps'), step = model.get('step');
    document.body.classList.toggle('labsim-night', dark);
    el.closest('.labsim-demo')?.classList.toggle('labsim-dark', dark);
    el.classList.toggle('labsim-dark', dark);
    part('dark').setAttribute('aria-pressed', dark);
    put('picture', 'svg', html);
    put('clock', 'clock', text);
    put('title', 'title', text);
    put('say', 'say', text);
    put('lab', 'lab', text);
    put('cards', 'cards', html);
    put('log', 'log', (node, value) => {
      node.innerHTML = value;
      const now = node.querySelector('.now');
      node.scrollTop = now ? now.offsetTop - node.offsetTop - node.clientHeight / 2 : 0;
    });
    put('go', 'steps', (node, names) => node.replaceChildren(...names.map((name, i) =>
      new Option(`${i + 1} ${name}`, i))));
    part('go').value = step;
    part('number').textContent = step + 1;
    part('place').textContent = `\u00b7 step ${step + 1} of ${steps.length}`;
    part('back').disabled = step === 0;
    part('next').disabled = step === steps.length - 1;
    const pinned = model.get('pinned');
    part('pinned').textContent = pinned && `Compared with ${pinned} (dotted)`;
    part('unpin').disabled = !pinned;
    if (!playing && !held) part('scrub').value = Math.round(1000 * model.get('share'));
    el.dataset.shown = model.get('shown');
    el.dataset.clock = model.get('clock');
    address();
  }
  async function paint() {
    if (painting) return;
    painting = true;
    while (painted !== model.get('shown') && !gone.signal.aborted) {
      const shown = model.get('shown');
      let url = '';
      const png = model.get('png');
      if (last.png !== png) {
        url = URL.createObjectURL(new Blob([png], {type: 'image/png'}));
        const next = new Image();
        next.src = url;
        try { await next.decode(); } catch { /* shown all the same */ }
      }
      // What came while decoding is shown in the next turn, with its own figure.
      if (shown === model.get('shown')) { last.png = png; curtain(url); painted = shown; }
      else if (url) URL.revokeObjectURL(url);
    }
    painting = false;
    answered();
  }
  const other = () => {
    const notice = model.get('notice'), folded = model.get('folded');
    part('notice').hidden = !notice;
    part('notice').textContent = notice;
    part('more').setAttribute('aria-expanded', !folded);
    part('more').textContent = folded ? 'All parameters' : 'Fewer parameters';
  };

  // -- playing: the clock on the wall says which moment is due -----------------------------------
  let playing = false, held = false, from = 0, since = 0, speed = 1;
  let id = 0, asked = 0, when = 0, wanted = null, timer = null;
  const due = () => from + (performance.now() - since) / 1000 * speed / RUN;
  function play(yes) {
    if (yes === playing) return;
    playing = yes;
    if (yes) {
      from = part('scrub').value / 1000;
      if (from >= 1) from = 0;
      since = performance.now();
      tick();
    }
    part('start').textContent = yes ? '\u23f8' : '\u25b6';
    part('start').setAttribute('aria-label', yes ? 'Pause' : 'Play');
  }
  function tick() {
    if (!playing || gone.signal.aborted) return;
    const share = Math.min(due(), 1);
    part('scrub').value = Math.round(1000 * share);
    ask(share);
    if (share >= 1) play(false);
    else setTimeout(tick, BEAT / 2);
  }
  function ask(share) {
    wanted = share;
    const now = performance.now(), busy = asked > model.get('seen') || painting;
    if (busy && now - when < PATIENCE) return;
    if (now - when < BEAT) {
      timer ??= setTimeout(() => { timer = null; if (wanted !== null) ask(wanted); }, BEAT);
      return;
    }
    asked = ++id; when = now; wanted = null;
    tell('seek', {value: share, id});
  }
  function answered() {
    if (wanted !== null && asked <= model.get('seen')) ask(wanted);
  }
  part('start').onclick = () => play(!playing);
  part('speed').onchange = event => {
    from = due(); since = performance.now(); speed = Number(event.target.value);
  };
  part('scrub').oninput = event => { held = true; play(false); ask(event.target.value / 1000); };
  part('scrub').onchange = () => { held = false; };

  // -- hands and keys ----------------------------------------------------------------------------
  part('next').onclick = () => tell('next');
  part('back').onclick = () => tell('back');
  part('go').onchange = event => { tell('go', {value: Number(event.target.value)}); };
  part('pin').onclick = () => tell('pin');
  part('unpin').onclick = () => tell('unpin');
  part('dark').onclick = () => tell('dark', {value: !model.get('dark')});
  part('more').onclick = () => tell('fold', {value: !model.get('folded')});
  part('copy').onclick = async event => {
    const field = part('address'), line = part('link');
    line.hidden = !line.hidden;
    if (line.hidden) return;
    field.focus(); field.select();
    try { await navigator.clipboard.writeText(field.value); text(event.target, 'Copied'); }
    catch { text(event.target, 'Copy it below'); }
    setTimeout(() => text(event.target, 'Copy link'), 2000);
  };
  function address() {
    const link = model.get('link');
    part('address').value = location.origin + location.pathname + link;
    if (last.link === link || !document.body.dataset.labsimPage) return;
    last.link = link;
    clearTimeout(address.timer);    // a reload comes back to this state
    address.timer = setTimeout(() => history.replaceState(null, '', link), 500);
  }
  const keeps = node => node.closest?.(   // these need their keys themselves
    'input, select, textarea, [contenteditable=true], [role=slider], .st-log, .labsim-drawer');
  const keys = {
    ArrowRight: 'next', ArrowDown: 'next', PageDown: 'next',
    ArrowLeft: 'back', ArrowUp: 'back', PageUp: 'back', ' ': 'start', p: 'pin', P: 'pin',
  };
  const touch = event => {    // a box of the system is broken, or mended
    const box = event.target.closest?.('[data-piece]');
    if (!box || event.key && event.key !== 'Enter') return;
    event.preventDefault();
    tell('touch', {value: box.dataset.piece});
  };
  part('picture').addEventListener('click', touch, on);
  part('picture').addEventListener('keydown', touch, on);
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'Escape') {
      document.activeElement?.blur();
      if (!model.get('folded')) tell('fold', {value: true});
      part('link').hidden = true;
    }
    const button = keys[event.key];
    if (!button || keeps(event.target)) return;
    if (event.key === ' ' && event.target.closest?.('button, a')) return;
    event.preventDefault();
    if (!part(button).disabled) part(button).click();
  }, on);
  // A slider that a mouse moved keeps the keyboard for fine steps, and lets go of it when it has
  // rested: or a remote control would move the slider instead of the steps.
  let leave = null;
  for (const kind of ['pointerup', 'keydown'])
    document.addEventListener(kind, () => {
      if (kind === 'keydown' && leave === null) return;
      clearTimeout(leave);
      leave = setTimeout(() => {
        leave = null;
        const node = document.activeElement;
        if (node?.matches('[role=slider], [type=range], select')) node.blur();
      }, LEAVE);
    }, on);

  // -- the window, and whether the kernel is alive -----------------------------------------------
  let scale = 1, sized = null;
  function fit() {
    const zoom = Math.min(innerWidth / 1280, innerHeight / 720);
    const root = el.closest('.labsim-demo') ?? el;
    root.style.zoom = Math.max(zoom, 0.5);
    const wish = Math.round(20 * Math.max(zoom, 0.5) * devicePixelRatio) / 20;
    clearTimeout(sized);
    sized = setTimeout(() => {
      if (wish !== scale) { scale = wish; tell('resize', {value: scale}); }
    }, 200);
  }
  if (document.body.dataset.labsimPage) {
    addEventListener('resize', fit, on);
    requestAnimationFrame(fit);
  }
  let pong = performance.now(), pinged = pong;
  const pulse = setInterval(() => {
    const now = performance.now();
    if (now - pinged > 2 * PING) pong = now;    // this page slept, not the kernel
    pinged = now;
    tell('ping', {value: 1});
    if (now - pong > DEAD) { dead(true); play(false); }
  }, PING);
  const heard = message => { if (message.pong) { pong = performance.now(); dead(false); } };

  model.on('msg:custom', heard);
  model.on('change:shown', paint);
  model.on('change:halted', () => play(false));
  model.on('change:notice change:folded', other);
  other();
  paint();
  return () => {
    gone.abort(); clearInterval(pulse); play(false);
    model.off('msg:custom', heard);
    model.off('change:shown', paint);
  };
}

export default {render};

// -- hands on the stage: knobs, keys, buttons, the window -----------------------------------------

class Stage extends Shown {
  atHand() {
    const {plan, values, step} = this;
    const first = values.workload === 'trace' && plan.own ? plan.own.knobs : [];
    return [...new Set([...first, ...plan.steps[step].ranked])]
      .filter(name => matters(plan.knobs, values, name)).slice(0, AT_HAND);
  }

  knobs(error = null) {
    const hand = this.part('.hand'), {plan} = this, scene = plan.steps[this.step];
    if (!this.live || this.dead) {
      hand.replaceChildren(...(this.dead ? [] : [node('p', {className: 'gone',
        textContent: plan.gone ?? GONE})]),
        node('dl', {className: 'set'}, ...scene.set.flatMap(([label, text]) => [
          node('dt', {textContent: label}), node('dd', {textContent: text})])));
      this.handed = '';
      return;
    }
    const names = this.atHand(), key = `${this.step} ${names}`;
    if (key !== this.handed) {
      const focused = this.shadow.activeElement?.closest?.('.hand') && this.rows
        && Object.keys(this.rows).find(name => this.rows[name].row.contains(
          this.shadow.activeElement));
      const field = this.shadow.activeElement?.type;
      this.handed = key;
      this.rows = Object.fromEntries(names.map(name => [name, this.rows?.[name]
        ?? new Knob(name, plan.knobs[name], (...turn) => this.turn(...turn))]));
      hand.replaceChildren(...Object.values(this.rows).map(knob => knob.row));
      if (focused && this.rows[focused])
        this.rows[focused].row.querySelector(`[type=${field}]`)?.focus();
    }
    for (const rows of [this.rows, this.drawer?.rows ?? {}])
      for (const [name, knob] of Object.entries(rows)) this.put(knob, name, error);
  }

  put(knob, name, error) {
    const scene = this.plan.steps[this.step];
    knob.show(this.values[name], scene.values[name], scene.moved.includes(name));
    knob.complain(error?.name === name ? error.text : '');
  }

  // A hand has turned a knob: the last value wins, one run at a time.
  turn(name, value) {
    const now = performance.now();
    this.fresh ||= name !== this.turned || now - this.last > 1000;  // a change of its own to undo
    this.turned = name;
    this.last = now;
    this.wanted = {...this.wanted, [name]: value};
    if (!this.turning) this.ask();
  }

  ask() {
    if (!this.wanted) { this.turning = false; return; }
    this.turning = true;
    const values = this.wanted;
    this.wanted = null;
    this.tell('set', {values, fresh: this.fresh});
    this.fresh = false;
    const heard = () => { clearTimeout(late); this.model.off('change:state', heard); this.ask(); };
    const late = setTimeout(heard, PATIENCE);
    this.model.on('change:state', heard);
  }

  // Buttons over the boxes that a hand can touch; those that stay keep the focus.
  touchable() {
    const kept = this.touch ?? new Map(), scene = this.part('.scene');
    this.touch = new Map();
    for (const [box, x, y, w, h] of this.live && !this.dead ? this.scene.places() : []) {
      if (!box.bursts && !this.run.breakable[box.breaks]) continue;
      const does = box.bursts ? `Send a burst from ${box.name}` : `Break or mend ${box.name}`;
      const button = kept.get(box.name) ?? node('button', {className: 'touch'});
      button.setAttribute('aria-label', does);
      button.title = `${does}, at the moment shown`;
      button.onclick = () => this.tell(box.bursts ? 'burst' : 'touch', {
        value: box.bursts ? box.name : box.breaks, at: this.player.t});
      Object.assign(button.style, {left: `${x}px`, top: `${y}px`, width: `${w}px`,
        height: `${h}px`});
      if (!button.isConnected) scene.append(button);
      this.touch.set(box.name, button);
    }
    for (const [name, button] of kept) if (!this.touch.has(name)) button.remove();
  }

  // -- hands, keys, the window -------------------------------------------------------------------
  build() {
    this.part('ol').append(...this.plan.steps.map((scene, i) => {
      const button = node('button', {textContent: i + 1, title: scene.title,
        'aria-label': `${i + 1} ${scene.title}`});
      button.onclick = () => this.go(i);
      return node('li', {}, button);
    }));
    const click = (name, action) => { this.part(name).onclick = action; };
    const on = way => () => this.go((this.going ?? this.step) + way);
    click('.back', on(-1));
    click('.next', on(1));
    click('.play', () => this.player.play());
    click('.was', () => { this.player.play(false); this.player.step(-1); });
    click('.will', () => { this.player.play(false); this.player.step(1); });
    click('.pin', () => this.tell(this.state?.pinned ? 'unpin' : 'pin'));
    click('.undo', () => this.tell('undo'));
    click('.more', () => this.unfold());
    click('.rest', () => this.folded(!this.part('.told').classList.contains('open')));
    click('.night', () => { this.chosen = !this.root.classList.contains('dark'); this.themed();
      this.linked = ''; this.address(this.state?.link); });
    click('.large', event => {
      event.currentTarget.setAttribute('aria-pressed', this.root.classList.toggle('large'));
      this.fit();
    });
    click('.loop', event => {
      this.player.loop = !this.player.loop;
      event.target.setAttribute('aria-pressed', this.player.loop);
    });
    this.part('.speed').onchange = event => this.player.faster(Number(event.target.value));
    const scrub = this.part('.scrub');
    scrub.oninput = () => {
      this.player.play(false);
      this.player.seek(scrub.value / 1000 * this.run.duration);
    };
    scrub.onpointerdown = () => { this.held = true; };
    scrub.onpointerup = scrub.onchange = () => { this.held = false; };
    const curves = this.part('.curves canvas');
    const point = event => {
      if (!event.buttons) return;
      const box = curves.getBoundingClientRect(), zoom = box.width / this.curves.width;
      const t = this.curves.moment((event.clientX - box.left) / zoom,
        (event.clientY - box.top) / zoom);
      if (t !== null) { this.player.play(false); this.player.seek(t); }
    };
    curves.onpointerdown = curves.onpointermove = point;
    this.root.classList.toggle('static', !this.live);
  }

  unfold(yes = this.part('.drawer').hidden) {
    if (yes) this.drawer ??= new Drawer(this);
    this.part('.drawer').hidden = !yes;
    this.part('.more').setAttribute('aria-expanded', yes);
    this.part('.more').textContent = yes ? 'Close' : 'All knobs';
    if (yes) { this.drawer.refresh(); this.part('.drawer input')?.focus(); }
  }

  listen() {
    const on = {signal: this.gone.signal}, {model} = this;
    if (this.live) {
      this.hear = () => {     // one redraw for all that has changed
        if (this.due) return;
        this.due = true;
        queueMicrotask(() => { this.due = false; this.changed(); });
      };
      model.on('change:state', this.hear);
      model.on('change:run', this.hear);
      this.lost = () => { if (model.comm_live === false) this.die(true); };
      model.on('comm_live_update', this.lost);
      this.got = message => { if (message.file) save(message.file, message.type, message.data); };
      model.on('msg:custom', this.got);
    }
    const wall = model.get('wall'), where = wall ? document : this.root;
    const keys = {ArrowRight: '.next', ArrowLeft: '.back', ' ': '.play', p: '.pin', P: '.pin',
      z: '.undo', Z: '.undo', ...(wall ? {PageDown: '.next', ArrowDown: '.next',
        PageUp: '.back', ArrowUp: '.back'} : {})};
    where.addEventListener('keydown', event => {
      const inside = event.composedPath()[0];
      if (event.key === 'Escape' && !this.part('.drawer').hidden) this.unfold(false);
      if (event.key === 'Escape') this.folded(false);
      const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
      const undo = (event.ctrlKey || event.metaKey) && event.key === 'z';
      const keeps = inside.matches?.('input, select, textarea')
        || event.key === ' ' && inside.matches?.('button');
      const button = undo ? '.undo' : plain && keys[event.key];
      if (button && (!keeps || undo && inside.type !== 'text')) {
        event.preventDefault();
        if (!this.part(button).disabled) this.part(button).click();
      }
      if (!undo || inside.type !== 'text') event.stopPropagation();
    }, on);
    if (wall) this.letGo(on);
    this.own = new Own(this, on);
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.root);
    const themes = new MutationObserver(() => this.themed());
    for (const element of [document.documentElement, document.body])
      themes.observe(element, {attributes: true});
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.themed(), on);
    on.signal.addEventListener('abort', () => { this.watch.disconnect(); themes.disconnect(); });
  }

  // On a wall a slider that has rested lets go of the keys: a remote control wants them.
  letGo(on) {
    for (const kind of ['pointerup', 'keydown'])
      this.root.addEventListener(kind, () => {
        clearTimeout(this.leaving);
        this.leaving = setTimeout(() => this.shadow.activeElement?.matches('[type=range], select')
          && this.shadow.activeElement.blur(), LEAVE);
      }, on);
  }

  // Light or dark as what lies behind it.
  themed() {
    let dark = this.chosen ?? this.model.get('dark') ?? null;
    for (let el = this.host; dark === null && el; el = el.parentElement ?? el.getRootNode().host) {
      const [r, g, b, a = 1] = (getComputedStyle(el).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0,
        0]).map(Number);
      if (a > 0.5) dark = 0.299 * r + 0.587 * g + 0.114 * b < 128;
    }
    dark ??= matchMedia('(prefers-color-scheme: dark)').matches;
    this.root.classList.toggle('dark', dark);
    if (document.body.dataset.labsimPage) document.body.classList.toggle('labsim-night', dark);
    this.look = {...(dark ? DARK : LIGHT), face: getComputedStyle(this.root).fontFamily};
    if (this.run) this.player.soon();
  }

  // Canvases as large as their places; scene and curves beside or above each other.
  fit() {
    const {root} = this, font = parseFloat(getComputedStyle(root).fontSize);
    if (!this.look.face) this.themed();     // it was made before it was in the page
    root.classList.toggle('narrow', root.clientWidth < 69 * font);
    const show = this.part('.show'), {clientWidth: w, clientHeight: h} = show;
    if (!w || !h) return;
    const {columns, rows} = this.scene;
    const size = (width, height) => Math.min(width / columns / 150, height / rows / 96);
    const share = [0.34, 0.46, 0.6][Math.min(rows, 3) - 1];     // of the height, for the system
    const beside = size(w * 0.5, h) > size(w, h * share) * 1.05;
    show.classList.toggle('beside', beside);
    show.style.gridTemplateRows = beside ? '' : `minmax(0,${share}fr) minmax(0,${1 - share}fr)`;
    for (const part of [this.scene, this.curves]) {
      const place = part.canvas.parentElement;
      part.size(place.clientWidth, place.clientHeight, devicePixelRatio, font);
    }
    if (this.run) { this.touchable(); this.folded(); this.player.soon(); }
  }
}

// What a number was before; of runs with the same load, whether that is better.
function was(metric, now, before, alike) {
  const told = before === undefined ? '' : amount(before, metric.unit);
  if (!told || told === amount(now, metric.unit)) return '';
  const better = alike && metric.better && ((now < before) === (metric.better === 'lower')
    ? ', better' : ', worse');
  const unit = metric.unit in RULE.families ? '' : ` ${metric.unit}`;
  return `was ${unit ? told.replace(unit, '') : told}${better || ''}`;
}

// Whether as much comes in, for as long.
function alike(plan, run, other) {
  const source = plan.boxes.flatMap(box => box.show.map(([, name]) => name))
    .find(name => isRate(run.unit(name)));
  if (!other || run.duration !== other.duration || !source || !other.has(source)) return false;
  const [a, b] = [run, other].map(one => one.passed(source)[one.n - 1]);
  return Math.abs(a - b) <= 0.03 * Math.max(a, b);
}

function save(name, type, text) {
  const bytes = type.startsWith('text') ? text : fromText(text);
  const link = node('a', {download: name, href: URL.createObjectURL(new Blob([bytes], {type}))});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

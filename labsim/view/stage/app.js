// -- the stage: steps, sentence, numbers, picture, knobs -----------------------------------------
// The model has `plan` (what there is to show, once), `run` and `ghost` (recordings) and `state`;
// without a kernel it is a plain object, and the recordings of all steps are in `plan.runs`.

const PATIENCE = 6000;      // milliseconds after which a kernel that says nothing counts as gone
const AT_HAND = 6;
const LEAVE = 4000;         // milliseconds after which a slider on a wall lets go of the keys
const GONE = 'Run this cell to turn the knobs.';
const LIGHT = {ink: '#222', faintInk: '#595959', faint: '#777', edge: '#8a8a8a', soft: '#f5f7f9',
  paper: '#fff', grid: '#e6e6e6', alarm: '#c24100', ghost: '#8c8c8c',
  lines: ['#0072B2', '#D55E00', '#009E73', '#CC79A7'],
  fates: {sent: '#0072B2', served: '#009E73', waiting: '#b36b00', retried: '#9a3d86',
    lost: '#c24100'}};
const DARK = {ink: '#eee', faintInk: '#bdbdbd', faint: '#999', edge: '#777', soft: '#262626',
  paper: '#161616', grid: '#333', alarm: '#ff8a4c', ghost: '#9a9a9a',
  lines: ['#56B4E9', '#E69F00', '#35C494', '#E4A3C6'],
  fates: {sent: '#56B4E9', served: '#35C494', waiting: '#f0b429', retried: '#e08bd0',
    lost: '#ff8a4c'}};
const PAGE = `
<header>
  <nav aria-label="Steps of the story"><button class="back" title="The step before">\u25c0</button>
  <ol></ol><button class="next" title="The next step">\u25b6</button></nav>
  <div class="menu"><button class="pin" aria-pressed="false" title="Keep this run to compare with">Pin</button>
  <button class="undo" title="Take the last change back (Z)">Undo</button>
  <button class="large" aria-pressed="false" title="Large type">Aa</button>
  <button class="night" aria-pressed="false" title="Dark or light">\u25d0</button>
  <button class="own" hidden title="A file of it: ${KINDS}; or drop one on the picture"
  >Own traffic\u2026</button><input type="file" aria-label="Own traffic" hidden>
  <button class="more" aria-expanded="false">All knobs</button></div>
  <div class="told" aria-live="polite"><div><h2></h2> <p class="say"></p>
  <button class="rest" aria-expanded="false" hidden></button></div></div>
</header>
<p class="notice" role="alert" hidden></p>
<dl class="cards"></dl>
<section class="show" aria-label="What happens">
  <div class="scene"><canvas role="img"></canvas></div>
  <div class="curves"><canvas role="img"></canvas></div>
</section>
<div class="bar">
  <button class="play" aria-label="Play" title="Space">\u25b6</button>
  <button class="was" aria-label="To what happened before" title="What happened before">\u2039</button>
  <button class="will" aria-label="To what happens next" title="What happens next">\u203a</button>
  <input class="scrub" type="range" min="0" max="1000" aria-label="Moment of the run">
  <output class="clock"></output>
  <select class="speed" aria-label="Speed">${SPEEDS.map(v =>
    `<option value="${v}"${v === 1 ? ' selected' : ''}>${v}\u00d7</option>`).join('')}</select>
  <button class="loop" aria-pressed="false" title="Again and again">Loop</button>
  <span class="event"></span>
</div>
<section class="hand" aria-label="Knobs at hand"></section>
<aside class="drawer" aria-label="All knobs and numbers" hidden></aside>
<p class="words" aria-live="polite"></p>
<div class="drop" role="status" hidden><span></span></div>`;

class Shown {
  constructor(model, host, runs) {
    Object.assign(this, {model, host, plan: model.get('plan'), gone: new AbortController()});
    const shadow = this.shadow = host.shadowRoot ?? host.attachShadow({mode: 'open'});
    host.setAttribute('data-lm-suppress-shortcuts', 'true');    // no key reaches JupyterLab
    this.root = node('div', {className: 'stage', innerHTML: PAGE, tabIndex: -1});
    this.root.classList.toggle('wall', Boolean(model.get('wall')));
    shadow.replaceChildren(node('style', {textContent: CSS}), this.root);
    this.kept = new Map((runs ?? []).flatMap((text, i) => text ? [[i,
      () => opened(fromText(text))]] : []));
    this.scene = new Boxes(this.part('.scene canvas'), this.plan);
    this.curves = new Curves(this.part('.curves canvas'), this.plan);
    this.player = new Player(t => this.draw(t), yes => this.played(yes));
    this.live = Boolean(model.send);
    this.step = 0;
    this.build();
    this.listen();
    this.themed();
    this.fit();
    if (this.live) this.changed(); else this.go(0);
  }

  part(selector) { return this.root.querySelector(selector); }

  // -- what the kernel says ----------------------------------------------------------------------
  changed() {
    const state = this.model.get('state') ?? {};
    this.answered();
    if (this.going !== undefined && state.step !== this.going) return;  // of a step left since
    this.going = undefined;
    this.state = state;
    this.plan = this.model.get('plan');
    const moved = state.step !== this.step || !this.run, data = this.model.get('run');
    if (moved) this.before = this.run;
    this.step = state.step ?? 0;
    const key = `${state.pinned} ${state.at}`;
    if (data?.byteLength && (data !== this.data || key !== this.key)) {
      const run = data === this.data ? this.run : opened(data);
      this.data = data;
      if (!state.changed) this.kept.set(this.step, () => run);
      const ghost = state.pinned ? opened(this.model.get('ghost'))
        : state.changed ? this.kept.get(this.step)?.() : this.before;
      this.show(run, ghost ?? null, moved, key !== this.key ? state.at : null);
      this.key = key;
    }
    this.values = state.values ?? this.run.params;
    this.knobs(state.error);
    this.told();
    this.drawer?.refresh();
    this.notice();
    this.address(state.link);
  }

  // What went wrong, unless its knob says it.
  notice() {
    const {notice, error} = this.state ?? {}, drawer = !this.part('.drawer').hidden && this.drawer;
    const beside = error && (this.rows?.[error.name] || drawer?.rows?.[error.name]);
    const text = this.trouble || (this.dead ? this.model.get('wall') ? 'The demo\'s kernel does not '
      + 'answer. Reload this page to go on at this step.' : GONE
      : notice || (error && !beside ? error.text : ''));
    this.part('.notice').hidden = !text;
    this.part('.notice').textContent = text;
  }

  // What the kernel need not be asked about; it stays until something else is asked for.
  complain(text) { this.trouble = text; this.notice(); }

  // The name of the file of one's own that runs, if one does.
  get brought() {
    const {workload, trace} = this.live && this.plan.own && this.run?.params || {};
    return workload === 'trace' && trace !== this.plan.steps[this.step].values.trace
      ? trace.split(/[\\/]/).pop() : '';
  }

  // A page of its own comes back to this state when it is loaded again, but for a file.
  address(link) {
    if (!link || this.brought || !document.body.dataset.labsimPage || link === this.linked) return;
    this.linked = link;
    clearTimeout(this.linking);
    this.linking = setTimeout(() => history.replaceState(null, '', link + (
      this.root.classList.contains('dark') ? '&theme=dark' : '')), 500);
  }

  answered() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.own.answered();
    if (this.dead) this.die(false);
  }

  // longer: so much more patience, milliseconds.
  tell(what, more = {}, buffers = [], longer = 0) {
    if (!this.live) return;
    if (this.trouble) this.complain('');
    try { this.model.send({do: what, ...more}, undefined, buffers); }
    catch { this.die(true); return; }
    if (longer) { clearTimeout(this.waiting); this.waiting = null; }
    this.waiting ??= setTimeout(() => this.die(true), PATIENCE + longer);
  }

  // Without a kernel the last picture stays, and plays.
  die(yes) {
    this.dead = yes;
    this.root.classList.toggle('dead', yes);
    this.trouble = '';
    if (yes) this.own.answered();
    if (yes) this.waiting = this.going = undefined;
    this.handed = '';
    this.knobs();
    this.told();
    this.notice();
  }

  // -- showing -----------------------------------------------------------------------------------
  show(run, ghost, anew, at) {
    const was = this.run ? this.player.t / this.run.duration : 0, file = this.brought;
    this.run = run;
    this.ghost = ghost?.duration === run.duration || this.state?.pinned ? ghost : null;
    this.values = run.params;
    const scene = this.plan.steps[this.step];
    this.scene.show(run);
    this.curves.show(run, this.ghost, new Set(run.series.map(([name]) => name)
      .filter(name => name.endsWith('|low')).map(name => name.slice(0, -4))));
    const t = typeof at === 'number' ? at : this.brought !== file && this.brought
      ? worst(this.plan, run) : anew ? scene.moment ?? worst(this.plan, run) : was * run.duration;
    this.player.load(run, moments(this.plan, run), t);
    this.cards();
    this.touchable();
  }

  go(step) {
    if (step < 0 || step >= this.plan.steps.length) return;
    const found = this.kept.get(step), live = this.live && !this.dead;
    if (live) {
      this.going = step;
      this.tell('step', {value: step});
    }       // what is known is shown at once
    if (!found || live && (this.state.pinned || this.state.seed !== 1)) return;
    this.before = this.run;
    this.step = step;
    this.show(found(), this.before ?? null, true);
    this.knobs();
    this.told();
  }

  told() {
    const {plan, step, brought} = this, scene = plan.steps[step];
    const say = brought ? this.run.notes.map(sentence).join(' ') : scene.say;
    this.part('h2').textContent = brought ? `Own traffic: ${brought}` : scene.title;
    this.part('h2').title = brought;
    const anew = this.part('.say').textContent !== say;
    if (anew) this.part('.say').textContent = say;
    this.part('.told').classList.toggle('brought', Boolean(brought));
    this.folded(anew ? false : undefined);
    this.part('ol').querySelectorAll('button').forEach((button, i) => {
      if (i === step) button.setAttribute('aria-current', 'step');
      else button.removeAttribute('aria-current');
      button.disabled = (!this.live || this.dead) && !this.kept.has(i);
    });
    this.part('.back').disabled = step === 0;
    this.part('.next').disabled = step === plan.steps.length - 1;
    const {pinned, undo} = this.state ?? {};
    this.part('.pin').setAttribute('aria-pressed', Boolean(pinned));
    this.part('.pin').textContent = pinned ? 'Unpin' : 'Pin';
    this.part('.undo').disabled = !undo;
  }

  // What is said about a file has two lines; the rest comes over the picture when asked for.
  folded(open = this.part('.told').classList.contains('open')) {
    const told = this.part('.told'), rest = this.part('.rest');
    told.classList.toggle('open', open);
    rest.textContent = open ? 'Less' : 'All notes';
    rest.setAttribute('aria-expanded', open);
    rest.hidden = !this.brought || !open && told.firstChild.scrollHeight <= told.clientHeight + 2;
  }

  draw(t) {
    if (!this.root.isConnected) { this.player.play(false); return; }
    if (!this.run) return;
    this.scene.draw(t, this.look, this.player.pace);
    this.curves.draw(t, this.look);
    const {run} = this;
    if (!this.held) this.part('.scrub').value = Math.round(1000 * t / run.duration);
    const moment = `${clock(t, run.duration)} of ${clock(run.duration, run.duration)}`;
    this.part('.clock').textContent = moment;
    const last = run.events.findLast(event => event[0] <= t);
    const told = last ? `${clock(last[0])} ${last[2]}` : '';
    if (this.part('.event').textContent !== told) this.part('.event').textContent = told;
    this.host.dataset.t = t;
    if (!this.player.playing) this.describe(t);
  }

  describe(t) {
    clearTimeout(this.describing);
    this.describing = setTimeout(() => {    // who listens hears it once it stands still
      const words = this.scene.described(t);
      this.part('.scene canvas').setAttribute('aria-label', words);
      this.part('.curves canvas').setAttribute('aria-label', this.plan.panels.map(panel =>
        `${panel.title}: ` + panel.lines.filter(line => this.run.has(line.series)).map(line =>
          `${line.label} ${amount(this.run.at(line.series, t), this.run.unit(line.series))}`)
          .join(', ')).join('; '));
      this.part('.words').textContent = words;
      this.part('.scrub').setAttribute('aria-valuetext', this.part('.clock').textContent);
    }, this.part('.words').textContent ? 250 : 0);
  }

  cards() {
    const {plan, run, ghost} = this, many = this.state?.many ?? {};
    const same = alike(plan, run, ghost);
    const names = plan.steps[this.step].headline;
    this.part('.cards').replaceChildren(...names.filter(name => name in run.summary).map(name => {
      const metric = plan.metrics[name], value = run.summary[name];
      const [number, unit] = said(value, metric.unit, RULE);
      const small = many[name] ?? was(metric, value, ghost?.summary[name], same);
      return node('div', {title: `${name}: ${metric.meaning}`},
        node('dt', {textContent: metric.label}),
        node('dd', {}, node('b', {textContent: number}), ` ${unit}`),
        node('dd', {className: 'was', textContent: small}));
    }));
  }

  played(yes) {
    const button = this.part('.play');
    button.textContent = yes ? '\u23f8' : '\u25b6';
    button.setAttribute('aria-label', yes ? 'Pause' : 'Play');
    if (!yes) this.player.soon();
  }

  close() {
    this.gone.abort();
    this.player.play(false);
    if (!this.live) return;
    this.model.off('change:state', this.hear);
    this.model.off('change:run', this.hear);
    this.model.off('comm_live_update', this.lost);
    this.model.off('msg:custom', this.got);
  }
}

// -- playing: the clock on the wall says which moment is due -------------------------------------

const RUN = 15;             // seconds in which a whole run plays at speed 1
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const PICTURE = 1.5;        // seconds that a still picture stands, for who wants no motion

class Player {
  // draw(t) puts a moment on the stage; told(playing) says that it began or ended.
  constructor(draw, told) {
    Object.assign(this, {draw, told, t: 0, speed: 1, loop: false, playing: false, frames: []});
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.due = false;
  }

  load(run, stops, t) {
    this.run = run;
    this.stops = stops;
    this.seek(t);
  }

  // Seconds of the run in a second on the wall.
  get pace() { return this.run.duration / RUN * this.speed; }

  seek(t) {
    this.t = Math.max(0, Math.min(this.run.duration, t));
    this.since = performance.now();
    this.from = this.t;
    this.soon();
  }

  // Draw in the next frame, once.
  soon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(now => {
      this.due = false;
      if (this.playing) this.advance(now);
      this.draw(this.t);
      if (this.playing) this.soon();
    });
  }

  advance(now) {
    this.frames.push(now);
    if (this.frames.length > 600) this.frames.shift();
    const passed = Math.max(0, now - this.since) / 1000;
    if (this.calm.matches) {
      const next = this.stops.find(stop => stop > this.from + 1e-9);
      if (passed >= PICTURE) {
        if (next === undefined) this.ended(); else { this.t = this.from = next; this.since = now; }
      }
      return;
    }
    this.t = Math.min(this.from + passed * this.pace, this.run.duration);
    if (this.t >= this.run.duration) this.ended();
  }

  ended() {
    if (this.loop) { this.from = this.t = 0; this.since = performance.now(); } else this.play(false);
  }

  play(yes = !this.playing) {
    if (yes === this.playing) return;
    this.playing = yes;
    if (yes) {
      this.frames = [];
      if (this.t >= this.run.duration - 1e-9) this.t = 0;
      this.seek(this.t);
    }
    this.told(yes);
  }

  faster(speed) {
    this.speed = speed;
    this.seek(this.t);
  }

  // The next moment at which something happens, or the one before.
  step(way) {
    const {stops, t, run} = this, near = run.duration / 1000;
    this.seek(way > 0 ? stops.find(stop => stop > t + near) ?? run.duration
      : stops.findLast(stop => stop < t - near) ?? 0);
  }
}

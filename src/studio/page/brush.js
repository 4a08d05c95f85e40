// Painting a mask on the picture: white where it is to be dreamed, black where not. The canvas lies
// over the picture and darkens what is kept from dreaming.
const byId = (id) => document.getElementById(id);
const SIDE_MOST = 1024;
const STROKES_KEPT = 12;

export class Brush {
  // `send(blob)` uploads the mask after each stroke.
  constructor(send) {
    this.send = send;
    this.canvas = byId("mask");
    this.ring = byId("brush-ring");
    this.strokes = [];
    this.build();
  }

  get size() { return Number(byId("brush-size").value) / 100; } // of the picture's longer side
  get softness() { return Number(byId("brush-soft").value) / 100; }
  get erases() { return byId("brush-protect").checked; }
  get radius() { return Math.max(1, this.size * Math.max(this.canvas.width, this.canvas.height) / 2); }

  // `source`: the address of the mask as it is, or null.
  async open(photo, source) {
    const shrink = Math.min(1, SIDE_MOST / Math.max(photo.width, photo.height));
    this.canvas.width = Math.max(1, Math.round(photo.width * shrink));
    this.canvas.height = Math.max(1, Math.round(photo.height * shrink));
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.blank = !source;
    if (source) {
      const image = new Image();
      image.src = source;
      await image.decode();
      this.context.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
    } else {
      this.fill("#fff");
    }
    this.at = [this.canvas.width / 2, this.canvas.height / 2];
    this.on = true;
    document.body.classList.add("painting");
    this.canvas.hidden = byId("brush").hidden = false;
    this.showUndo();
    this.canvas.focus();
  }

  close() {
    if (!this.on) return;
    this.on = false;
    document.body.classList.remove("painting");
    this.canvas.hidden = byId("brush").hidden = this.ring.hidden = true;
    byId("paint-mask")?.focus();
  }

  build() {
    byId("brush-invert").addEventListener("click", () => this.whole(() => this.invert()));
    byId("brush-fill").addEventListener("click", () => this.whole(() => this.fill("#fff")));
    byId("brush-empty").addEventListener("click", () => this.whole(() => this.fill("#000")));
    byId("brush-undo").addEventListener("click", () => this.undo());
    byId("brush-done").addEventListener("click", () => this.close());
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, () => this.up());
    canvas.addEventListener("pointerleave", () => { this.ring.hidden = true; });
    canvas.addEventListener("keydown", (event) => this.key(event));
    byId("brush").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [(event.clientX - left) / width * this.canvas.width,
      (event.clientY - top) / height * this.canvas.height];
  }

  // What a first stroke begins on: nothing dreamed if it says where to dream, else everything.
  begin() {
    this.remember();
    if (this.blank) this.fill(this.erases ? "#fff" : "#000");
    this.blank = false;
  }

  down(event) {
    if (event.button > 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus();
    this.begin();
    this.last = this.at = this.place(event);
    this.stroke = true;
    this.dab(...this.last);
  }

  move(event) {
    this.at = this.place(event);
    this.showRing();
    if (!this.stroke) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) this.line(this.place(one));
  }

  up() {
    if (!this.stroke) return;
    this.stroke = false;
    this.changed();
  }

  line([x, y]) {
    const [fromX, fromY] = this.last;
    const length = Math.hypot(x - fromX, y - fromY);
    const apart = Math.max(1, this.radius / 5);
    if (length < apart) return;
    for (let way = apart; way <= length; way += apart)
      this.dab(fromX + (x - fromX) * way / length, fromY + (y - fromY) * way / length);
    this.last = [x, y];
  }

  dab(x, y) {
    const { context, radius } = this;
    const shade = this.erases ? "0,0,0" : "255,255,255";
    const gradient = context.createRadialGradient(x, y, 0, x, y, radius);
    gradient.addColorStop(0, `rgba(${shade},1)`);
    gradient.addColorStop(Math.min(0.99, 1 - this.softness), `rgba(${shade},1)`);
    gradient.addColorStop(1, `rgba(${shade},0)`);
    context.fillStyle = gradient;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  fill(shade) {
    this.context.fillStyle = shade;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  invert() {
    const { context, canvas } = this;
    context.globalCompositeOperation = "difference";
    this.fill("#fff");
    context.globalCompositeOperation = "source-over";
    this.blank = false;
    canvas.focus();
  }

  whole(what) {
    this.remember();
    this.blank = false;
    what();
    this.changed();
  }

  remember() {
    this.strokes.push(this.context.getImageData(0, 0, this.canvas.width, this.canvas.height));
    if (this.strokes.length > STROKES_KEPT) this.strokes.shift();
    this.showUndo();
  }

  undo() {
    const before = this.strokes.pop();
    if (!before) return;
    this.context.putImageData(before, 0, 0);
    this.showUndo();
    this.changed();
  }

  showUndo() { byId("brush-undo").disabled = this.strokes.length === 0; }

  showRing() {
    const { width } = this.canvas.getBoundingClientRect();
    const scale = width / this.canvas.width;
    const [x, y] = this.at;
    this.ring.hidden = false;
    this.ring.style.width = this.ring.style.height = `${2 * this.radius * scale}px`;
    this.ring.style.left = `${x * scale}px`;
    this.ring.style.top = `${y * scale}px`;
  }

  // Without a pointer: arrows move the brush, Space dabs.
  key(event) {
    const step = this.radius / 2;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step],
      ArrowDown: [0, step] }[event.key];
    const resize = { "[": -2, "]": 2 }[event.key];
    if (way) {
      this.at = [Math.max(0, Math.min(this.canvas.width, this.at[0] + way[0])),
        Math.max(0, Math.min(this.canvas.height, this.at[1] + way[1]))];
    } else if (event.key === " ") {
      this.begin();
      this.dab(...this.at);
      this.changed();
    } else if (resize) {
      byId("brush-size").value = Number(byId("brush-size").value) + resize;
    } else if (event.key.toLowerCase() === "x") {
      byId(this.erases ? "brush-dream" : "brush-protect").checked = true;
    } else if (event.key.toLowerCase() === "i") {
      this.whole(() => this.invert());
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      this.undo();
    } else if (event.key === "Escape") {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (this.on) this.showRing();
  }

  // Sent when the hand rests; only the newest mask if that takes its time.
  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.canvas.toBlob((blob) => this.send(blob), "image/png"), 150);
  }
}

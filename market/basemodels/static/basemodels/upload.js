// Send a diffusers directory in parts, and go on where it stopped: the page's form is the same without it, but takes no files.
"use strict";

const READ = /^(?:(?:(?:unet|transformer|vae|text_encoder(_[23])?|tokenizer(_[23])?|scheduler)\/[A-Za-z0-9_][A-Za-z0-9_.-]*|model_index|card|prompts)\.(?:safetensors|json|txt)|tokenizer(_[23])?\/chat_template\.jinja)$/;
const SLICE = 8 * 1024 * 1024; // bytes that are hashed at a time
const TRIES = 6;

// SHA-256 (FIPS 180-4). The browser's own can only hash what is in memory as a whole, and these files have gigabytes.
const ROUNDS = (() => {
  const constants = new Int32Array(64);
  let found = 0;
  for (let n = 2; found < 64; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n && prime; d += 1) prime = n % d !== 0;
    if (prime) constants[found++] = Math.floor((Math.cbrt(n) % 1) * 2 ** 32);
  }
  return constants;
})();

class Sha256 {
  constructor() {
    this.state = new Int32Array([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]);
    this.words = new Int32Array(64);
    this.rest = new Uint8Array(0); // less than a block
    this.length = 0;
  }

  update(bytes) {
    this.length += bytes.length;
    let from = 0;
    if (this.rest.length) {
      const joined = new Uint8Array(Math.min(64, this.rest.length + bytes.length));
      joined.set(this.rest);
      from = joined.length - this.rest.length;
      joined.set(bytes.subarray(0, from), this.rest.length);
      this.rest = joined;
      if (joined.length < 64) return;
      this.block(joined, 0);
    }
    for (; from + 64 <= bytes.length; from += 64) this.block(bytes, from);
    this.rest = bytes.slice(from);
  }

  block(bytes, at) {
    const w = this.words, s = this.state, rounds = ROUNDS;
    for (let i = 0; i < 16; i += 1, at += 4) w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15], y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let a = s[0] | 0, b = s[1] | 0, c = s[2] | 0, d = s[3] | 0, e = s[4] | 0, f = s[5] | 0, g = s[6] | 0, h = s[7] | 0;
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + rounds[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }

  hex() {
    const bits = this.length * 8;
    const end = new Uint8Array(((this.rest.length + 8) >> 6) * 64 + 64);
    end.set(this.rest);
    end[this.rest.length] = 0x80;
    const view = new DataView(end.buffer);
    view.setUint32(end.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(end.length - 4, bits >>> 0);
    for (let at = 0; at < end.length; at += 64) this.block(end, at);
    return Array.from(this.state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

// What the server refuses for good; anything else (a lost connection, a restart) is tried again.
class Refused extends Error {}

async function ask(url, token, options) {
  const response = await fetch(url, { ...options, redirect: "manual", headers: { "x-csrftoken": token, ...options.headers } });
  if (response.type === "opaqueredirect") throw new Refused("You are signed out. Sign in again in another tab.");
  if (response.status >= 500 || response.status === 408) throw new Error(`The server answered ${response.status}.`);
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok) throw new Refused(answer.error);
  return answer;
}

async function again(call, say) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call();
    } catch (problem) {
      if (problem instanceof Refused || tried === TRIES) throw problem;
      say(`The connection was lost; trying again (${tried} of ${TRIES - 1}).`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** tried));
    }
  }
}

function setUp(box) {
  const form = box.closest("form");
  const folder = box.querySelector('input[type="file"]');
  const bar = box.querySelector("progress");
  const note = box.querySelector("[data-note]");
  const left = box.querySelector("[data-left-out]");
  const token = form.querySelector('[name="csrfmiddlewaretoken"]').value;
  const upload = form.querySelector('[name="upload"]');
  const submit = form.querySelector('button[type="submit"]');
  let done = 0, total = 0;

  const say = (text, kind = "") => {
    note.textContent = text;
    note.className = kind ? `message message-${kind}` : "soft";
  };
  const show = (bytes) => {
    done += bytes;
    bar.hidden = false;
    bar.max = total;
    bar.value = done;
  };

  const hash = async (file) => {
    const digest = new Sha256();
    for (let at = 0; at < file.size; at += SLICE) {
      const bytes = new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer());
      digest.update(bytes);
      show(bytes.length);
    }
    return digest.hex();
  };

  const send = async (files) => {
    total = files.reduce((sum, each) => sum + each.file.size, 0);
    done = 0;
    const list = [];
    for (const { path, file } of files) {
      say(`Reading ${path}.`);
      list.push({ path, size: file.size, sha256: await hash(file) });
    }
    const begun = await again(() => ask(box.dataset.begin, token, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ files: list }) }), say);
    done = 0;
    for (const there of begun.files) {
      const { file } = files.find((each) => each.path === there.path);
      show(Math.min(file.size, there.parts * begun.part_bytes));
      for (let number = there.parts; number < there.parts_needed; number += 1) {
        say(`Sending ${there.path}, part ${number + 1} of ${there.parts_needed}.`);
        const body = file.slice(number * begun.part_bytes, (number + 1) * begun.part_bytes);
        await again(() => ask(`${begun.url}files/${there.position}/parts/${number}/`, token, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body }), say);
        show(body.size);
      }
    }
    return begun.upload;
  };

  folder.addEventListener("change", async () => {
    const found = Array.from(folder.files, (file) => ({ file, path: file.webkitRelativePath.split("/").slice(1).join("/") }));
    const files = found.filter((each) => READ.test(each.path));
    const others = found.filter((each) => !READ.test(each.path)).map((each) => each.path);
    left.textContent = others.length ? `Left out, since the engine does not read them: ${others.slice(0, 8).join(", ")}${others.length > 8 ? " and more" : ""}.` : "";
    left.hidden = !others.length;
    upload.value = "";
    folder.disabled = submit.disabled = true;
    try {
      upload.value = await send(files);
      say(`All files are there. ${box.dataset.ready}.`, "success");
    } catch (problem) {
      say(`${problem.message} What has arrived stays: choose the folder again to go on.`, "error");
      folder.value = "";
    } finally {
      folder.disabled = submit.disabled = false;
    }
  });
}

for (const box of document.querySelectorAll("[data-base-upload]")) setUp(box);

// Keeps a page true while it is open. One WebSocket tells what happened; a change of state fetches the page's panel again
// through htmx (morphed in, so focus and what is being typed stay), progress is written straight into the bars.
// When the line drops it comes back by itself, with the last sequence number, and says so meanwhile.
(function () {
  "use strict";
  const FIRST_WAIT = 500;
  const LONGEST_WAIT = 15000;
  const REFRESH_GAP = 400;
  const PROGRESS_GAP = 3000;
  const UNAUTHORIZED = 4401;
  const TRICKLE = 1024; // bytes a second below which no time left is told
  const MOST_SEGMENTS = 60;
  const NEWS = new Set(["state_change", "needs_approval", "completed", "failed", "waiting", "alert", "note"]);
  const base = document.body.dataset.base;
  let seq = null;
  let wait = FIRST_WAIT;
  let misses = 0;
  let socket = null;

  // --- the mark ---------------------------------------------------------------------------------------------------------
  function mark(state) {
    const words = { live: "Live", connecting: "Connecting", reconnecting: "Reconnecting" };
    for (const spot of document.querySelectorAll("[data-live-mark]")) {
      spot.dataset.state = state;
      spot.textContent = words[state];
    }
  }

  // --- the line -----------------------------------------------------------------------------------------------------------
  function connect() {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const since = seq === null ? "" : "?since=" + seq;
    socket = new WebSocket(scheme + location.host + base + "/ws" + since);
    socket.addEventListener("message", (event) => {
      let message;
      try {
        message = JSON.parse(event.data);
      } catch {
        return;
      }
      hear(message);
    });
    socket.addEventListener("close", (event) => {
      mark("reconnecting");
      misses += 1;
      if (event.code === UNAUTHORIZED || misses % 3 === 0) refresh(null); // a session that ended leads to the login
      setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    });
  }

  function hear(message) {
    if (typeof message.seq === "number") seq = message.seq;
    if (message.type === "snapshot" || message.type === "live") {
      const returned = misses > 0;
      misses = 0;
      wait = FIRST_WAIT;
      mark("live");
      if (returned || isOlder(message.seq)) refresh(null);
      return;
    }
    if (message.type === "progress") return showProgress(message);
    if (NEWS.has(message.type)) refresh(message.ticket_id || null);
  }

  // The page was drawn at a sequence number; what happened between drawing and listening must not be missed.
  function isOlder(now) {
    const drawn = Number(document.body.dataset.seq);
    return Number.isFinite(drawn) && document.body.dataset.seq !== "" && drawn < now;
  }

  // --- panels -------------------------------------------------------------------------------------------------------------
  const pending = new Map();
  function refresh(ticket, gap = REFRESH_GAP) {
    for (const panel of document.querySelectorAll("[data-live]")) {
      const of = panel.dataset.live;
      if (ticket !== null && of !== "all" && of !== ticket) continue;
      if (pending.has(panel.id)) continue;
      pending.set(
        panel.id,
        setTimeout(() => {
          pending.delete(panel.id);
          const now = document.getElementById(panel.id);
          if (now) htmx.trigger(now, "refresh");
        }, gap),
      );
    }
  }

  // --- progress -----------------------------------------------------------------------------------------------------------
  const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  function size(value) {
    if (value < 1024) return Math.round(value) + " B";
    let i = -1;
    do {
      value /= 1024;
      i += 1;
    } while (value >= 1023.5 && i < UNITS.length - 1);
    return (value < 100 ? value.toFixed(1) : value.toFixed(0)) + " " + UNITS[i];
  }
  function duration(secs) {
    if (secs < 60) return Math.max(0, Math.round(secs)) + " s";
    const minutes = Math.floor(secs / 60);
    return Math.floor(minutes / 60) + ":" + String(minutes % 60).padStart(2, "0") + " h";
  }
  function amount(m) {
    if (!m.total) return "";
    if (m.unit === "bytes") return size(m.done) + " of " + size(m.total);
    if (m.unit === "seconds") return duration(m.done).replace(/ h$/, "") + " of " + duration(m.total);
    const one = m.unit.replace(/s$/, "");
    return Math.round(m.done) + " of " + Math.round(m.total) + " " + (m.total === 1 ? one : one + "s");
  }
  function write(box, name, text) {
    const spot = box.querySelector('[data-f="' + name + '"]');
    if (!spot) return;
    if (spot.textContent !== text) spot.textContent = text;
    spot.hidden = text === "";
  }
  // Forwards the bar glides; backwards (the next phase begins) it jumps, or it would tell of work undone.
  function moveBar(bar, percent) {
    if (!bar || bar.value === percent) return;
    bar.classList.toggle("jump", percent < bar.value);
    bar.max = 100;
    bar.value = percent;
  }
  function showChapter(strip, m) {
    if (!strip || m.chapter_idx == null || !m.chapter_count) return;
    strip.hidden = !(m.chapter_count > 1 && m.chapter_count <= MOST_SEGMENTS);
    if (strip.hidden) return;
    while (strip.children.length > m.chapter_count) strip.lastElementChild.remove();
    while (strip.children.length < m.chapter_count) strip.append(document.createElement("i"));
    [...strip.children].forEach((part, i) => {
      part.className = i < m.chapter_idx ? "done" : i === m.chapter_idx ? "now" : "todo";
    });
  }
  function showProgress(m) {
    const boxes = document.querySelectorAll('[data-progress="' + CSS.escape(String(m.ticket_id)) + '"]');
    for (const box of boxes) {
      if (box.dataset.state !== m.state) {
        refresh(m.ticket_id, PROGRESS_GAP);
        continue;
      }
      const percent = Math.min(100, Math.floor(m.progress_pct));
      const speed = m.speed_bps == null ? "" : size(m.speed_bps) + "/s";
      const trickle = m.speed_bps != null && m.speed_bps < TRICKLE;
      const eta = m.eta_secs == null || trickle ? "" : duration(m.eta_secs) + " left";
      moveBar(box.querySelector("progress"), percent);
      write(box, "pct", percent + " %");
      write(box, "amount", amount(m));
      write(box, "speed", speed);
      write(box, "eta", eta);
      const sep = box.querySelector('[data-f="sep"]');
      if (sep) sep.hidden = !(speed && eta);
      if (m.label) write(box, "label", m.label);
      showChapter(box.querySelector(".chapters-bar"), m);
      const title = document.body.dataset.title;
      if (title && box.closest("[data-own]")) document.title = percent + " % · " + title;
    }
    if (m.state === "CONVERTING" && m.chapter_count > 1) {
      for (const spot of document.querySelectorAll('[data-chapter="' + CSS.escape(String(m.ticket_id)) + '"]')) {
        const text = "Binding chapter " + Math.min(m.chapter_idx + 1, m.chapter_count) + " of " + m.chapter_count;
        if (spot.textContent !== text) spot.textContent = text;
      }
    }
    const eager = document.querySelector("[data-live][data-eager]");
    if (boxes.length === 0 && eager) refresh(m.ticket_id, PROGRESS_GAP);
  }

  // --- morphing keeps what the person did: what is open, what is typed ----------------------------------------------
  if (window.Idiomorph) {
    window.Idiomorph.defaults.ignoreActiveValue = true;
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
      !(name === "open" && (node.nodeName === "DIALOG" || node.nodeName === "DETAILS"));
    window.Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) =>
      !(/^(INPUT|TEXTAREA)$/.test(node.nodeName) && node.type !== "hidden" && (node.value !== node.defaultValue || node.checked !== node.defaultChecked));
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) refresh(null);
  });
  mark("connecting");
  connect();
})();

// What the pages do in the browser besides htmx: dialogs, toasts, times that stay true, two keys. Every action also works
// without this file: links lead to pages, forms post.
(function () {
  "use strict";

  // --- dialogs: <a href="/tickets/x/cancel" data-dialog="cancel-dialog"> ---------------------------------------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener && !event.metaKey && !event.ctrlKey) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog && dialog.showModal) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    const closer = event.target.closest("[data-close]");
    if (closer) {
      const dialog = closer.closest("dialog");
      if (dialog) {
        event.preventDefault();
        dialog.close();
      }
    }
    if (event.target.nodeName === "DIALOG") event.target.close();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const dialog = event.target.closest && event.target.closest("dialog");
    if (dialog && event.detail.successful) dialog.close();
  });

  // A sheet that htmx fetched opens when it is there: a refusal leaves it shut.
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "sheet" && !target.open) target.showModal();
  });

  // --- ticks: all of a page at once, and how many there are ---------------------------------------------------------------
  const ticksOf = (form) => [...document.querySelectorAll("#" + form + " input[name=ticket]:not(:disabled)")];
  const countTicks = () => {
    for (const all of document.querySelectorAll("[data-tick-all]")) {
      const ticks = ticksOf(all.dataset.tickAll);
      const on = ticks.filter((tick) => tick.checked).length;
      all.checked = on > 0 && on === ticks.length;
      all.indeterminate = on > 0 && on < ticks.length;
      const said = document.querySelector('[data-ticked="' + all.dataset.tickAll + '"]');
      const text = on ? on + " selected" : "";
      if (said && said.textContent !== text) said.textContent = text;
      for (const button of document.querySelectorAll('[data-needs-ticks="' + all.dataset.tickAll + '"]')) button.disabled = on === 0;
    }
  };
  document.addEventListener("change", (event) => {
    const form = event.target.dataset && event.target.dataset.tickAll;
    if (form) for (const tick of ticksOf(form)) tick.checked = event.target.checked;
    countTicks();
  });
  document.addEventListener("DOMContentLoaded", countTicks);
  document.addEventListener("htmx:afterSettle", countTicks);

  // --- a fault that came with a preview marks its field -------------------------------------------------------------------
  document.addEventListener("htmx:afterSettle", () => {
    for (const fault of document.querySelectorAll("[data-fault-of]")) {
      const field = document.getElementById(fault.dataset.faultOf);
      if (!field) continue;
      if (fault.hidden) field.removeAttribute("aria-invalid");
      else field.setAttribute("aria-invalid", "true");
    }
  });

  // --- toasts ------------------------------------------------------------------------------------------------------------
  const icon = (name) => {
    const base = document.body.dataset.static;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", base + "/icons.svg#" + name);
    svg.append(use);
    return svg;
  };
  function toast({ tone = "good", text, more = "" }) {
    const room = document.getElementById("toasts");
    if (!room || !text) return;
    const box = document.createElement("div");
    box.className = "toast " + tone;
    const said = document.createElement("p");
    said.textContent = text;
    if (more) {
      const small = document.createElement("small");
      small.textContent = more;
      said.append(small);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "button bare icon-only";
    close.setAttribute("aria-label", "Dismiss");
    close.append(icon("x"));
    close.addEventListener("click", () => box.remove());
    box.append(said, close);
    room.append(box);
    setTimeout(() => box.remove(), tone === "bad" ? 12000 : 6000);
  }
  document.addEventListener("toast", (event) => toast(event.detail));
  document.addEventListener("htmx:sendError", () =>
    toast({ tone: "bad", text: "Earmark does not answer.", more: "Check that it is running, then try again." }),
  );
  document.addEventListener("DOMContentLoaded", () => {
    const said = document.querySelector("[data-said]");
    if (!said) return;
    toast({ tone: said.dataset.said, text: said.textContent.trim() });
    said.remove();
    const url = new URL(location.href);
    url.searchParams.delete("done");
    history.replaceState(history.state, "", url);
  });

  // --- a text to copy ------------------------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const spot = button && document.getElementById(button.dataset.copy);
    if (!spot) return;
    try {
      await navigator.clipboard.writeText(spot.textContent);
      toast({ text: "Copied." });
    } catch {
      // Without TLS browsers keep the clipboard shut: then it is at least selected.
      getSelection().selectAllChildren(spot);
      const copied = document.execCommand("copy");
      toast(copied ? { text: "Copied." } : { tone: "you", text: "It is selected.", more: "Copy it with Ctrl+C." });
    }
  });

  // --- after a form came back with faults, the first of them has the focus ----------------------------------------------
  document.addEventListener("htmx:afterSettle", (event) => {
    const form = event.detail.target;
    if (form.nodeName !== "FORM") return;
    const first = [...form.querySelectorAll("[data-fault-of]")].find((fault) => !fault.hidden);
    const field = first && document.getElementById(first.dataset.faultOf);
    if (field) field.focus();
    else if (form.id) document.getElementById(form.id.replace(/-form$/, "-said"))?.scrollIntoView({ block: "nearest" });
  });

  // --- times: relative in the text, the reader's own clock on hover ----------------------------------------------------
  const relative = (at, now) => {
    const secs = (now - at) / 1000;
    const ahead = secs < 0;
    const span = Math.abs(secs);
    if (span < 45) return ahead && span > 5 ? "in a moment" : "just now";
    let amount;
    if (span < 3600) amount = Math.max(1, Math.round(span / 60)) + " min";
    else if (span < 86400) amount = Math.round(span / 3600) + " h";
    else if (span < 172800) return ahead ? "tomorrow" : "yesterday";
    else if (span < 2592000) amount = Math.floor(span / 86400) + " days";
    else return at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
    return ahead ? "in " + amount : amount + " ago";
  };
  // The server's clock counts: its times are compared with it, not with a browser that runs ahead or behind.
  let skew = 0;
  const tellTimes = () => {
    const now = Date.now() + skew;
    for (const time of document.querySelectorAll("time[data-at]")) {
      const at = new Date(time.getAttribute("datetime"));
      time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "medium" });
      if (time.dataset.at === "relative") {
        const text = relative(at, now);
        if (time.textContent !== text) time.textContent = text;
      }
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    skew = Date.parse(document.body.dataset.now) - Date.now() || 0;
    tellTimes();
    setInterval(tellTimes, 15000);
  });
  document.addEventListener("htmx:afterSettle", tellTimes);

  // --- keys ----------------------------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    const box = document.querySelector("[data-search]");
    if (box) {
      box.focus();
      box.select();
    } else {
      location.href = document.body.dataset.base + "/tickets?focus=1";
    }
  });
})();

// Single keys for choosing: j k and the arrows go from one to the next, Enter asks and approves, b refuses one, r rejects
// the wish, s goes to the search words, ? lists them. They press what is on the page: without this file all of it can be
// clicked. They sleep while one types, while a dialog is open, with a modifier held, and when switched off in the list.
(function () {
  "use strict";
  const KEY = "earmark-keys-off";
  const off = () => {
    try {
      return localStorage.getItem(KEY) === "1";
    } catch {
      return false;
    }
  };

  const picks = () => [...document.querySelectorAll("[data-picks] [data-pick]")];
  const current = () => document.activeElement && document.activeElement.closest("[data-pick]");

  // What lies in a closed fold is reached too: it opens on the way.
  function go(step) {
    const all = picks();
    if (!all.length) return;
    const here = all.indexOf(current());
    const best = all.findIndex((pick) => pick.classList.contains("best"));
    const at = here < 0 ? Math.max(0, best) : Math.min(all.length - 1, Math.max(0, here + step));
    const fold = all[at].closest("details:not([open])");
    if (fold) fold.open = true;
    all[at].focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const strip = all[at].closest(".compare");
    if (strip) all[at].scrollIntoView({ behavior: calm ? "auto" : "smooth", inline: "nearest", block: "nearest" });
    if (!strip || all[at].getBoundingClientRect().top > innerHeight * 0.8) all[at].scrollIntoView({ block: "nearest" });
  }

  function press(selector, within = document) {
    const target = within && within.querySelector(selector);
    if (!target) return false;
    target.click();
    return true;
  }

  function search() {
    const box = document.getElementById("query");
    if (!box) return false;
    const fold = box.closest("details:not([open])");
    if (fold) fold.open = true;
    box.focus();
    box.select();
    return true;
  }

  function hear(event) {
    const pick = current();
    const onPick = pick !== null && event.target === pick;
    switch (event.key) {
      case "j":
        return go(1), true;
      case "k":
        return go(-1), true;
      case "ArrowRight":
        return onPick && (go(1), true);
      case "ArrowLeft":
        return onPick && (go(-1), true);
      case "Enter":
        return onPick && press("[data-act=approve]", pick);
      case "b":
        return press("[data-act=block]", pick);
      case "r":
        return press("[data-dialog=reject-dialog]");
      case "s":
        return search();
      case "?":
        return press("[data-dialog=keys-dialog]");
      default:
        return false;
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || off()) return;
    if (!document.querySelector("[data-picks]") || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (hear(event)) event.preventDefault();
  });

  // --- the switch ---------------------------------------------------------------------------------------------------------
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-keys-off]")) return;
    try {
      localStorage.setItem(KEY, event.target.checked ? "1" : "0");
    } catch {
      // A browser that keeps nothing forgets this too.
    }
  });
  const showSwitch = () => {
    for (const box of document.querySelectorAll("[data-keys-off]")) box.checked = off();
  };
  document.addEventListener("DOMContentLoaded", showSwitch);
  document.addEventListener("htmx:afterSettle", showSwitch);

  // --- a file too large is told before it travels ------------------------------------------------------------------------------
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!box.dataset || !box.dataset.most) return;
    const file = box.files && box.files[0];
    box.setCustomValidity(file && file.size > Number(box.dataset.most) ? "This file is larger than 10 MiB; no .torrent file is." : "");
    box.reportValidity();
  });

  // A link to a table that lies in a closed fold opens it, in browsers that do not do so themselves.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    const fold = target && target.closest("details:not([open])");
    if (fold) fold.open = true;
  });
})();

// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
var massive = {};
// Before anything is painted, so that a page never flashes in the other colours.
massive.theme = (() => {
  const names = ["auto", "light", "dark"];
  const key = "massive-deploy-theme";
  let chosen = "auto";
  try {
    chosen = localStorage.getItem(key) || "auto";
  } catch {
    // A page from a file may have no storage: then the choice is forgotten.
  }
  function apply() {
    if (chosen === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = chosen;
  }
  function next() {
    chosen = names[(names.indexOf(chosen) + 1) % names.length];
    try {
      localStorage.setItem(key, chosen);
    } catch {
      // As above.
    }
    apply();
  }
  apply();
  return { next, name: () => chosen };
})();

// Managed by massive-deploy: edits are overwritten by the next up
"use strict";
// What fires: whole on the overview, one line on the other pages.
massive.alerts = (() => {
  const ORDER = { critical: 0, warning: 1 };

  function paragraph(name, content) {
    const made = document.createElement("p");
    made.className = name;
    made.textContent = content;
    return made;
  }

  function worth(all) {
    return all
      .filter((one) => one.labels.severity !== "none")
      .sort((a, b) => (ORDER[a.labels.severity] ?? 2) - (ORDER[b.labels.severity] ?? 2) || a.activeAt.localeCompare(b.activeAt));
  }

  function card(one) {
    const made = document.createElement("article");
    const { alertname, host, severity } = one.labels;
    made.className = `alert ${severity}`;
    const what = paragraph("what", one.annotations.summary || alertname);
    const badge = document.createElement("span");
    badge.className = "severity";
    badge.textContent = severity;
    what.prepend(badge);
    const since = new Date(one.activeAt).toLocaleString();
    made.append(what);
    for (const [name, content] of Object.entries(one.annotations)) {
      if (name !== "summary") made.append(paragraph("more", content));
    }
    made.append(paragraph("dim", `${alertname}${host ? ` on ${host}` : ""}, since ${since}`));
    return made;
  }

  function show(all) {
    const place = document.getElementById("alerts");
    const found = worth(all);
    const firing = found.filter((one) => one.state === "firing");
    const pending = found.length - firing.length;
    const soon = pending === 1 ? "1 alert is about to." : `${pending} alerts are about to.`;
    const well = pending ? paragraph("all-well pending", `Nothing fires yet, ${soon}`) : paragraph("all-well", "Nothing fires.");
    if (!firing.length) {
      place.replaceChildren(well);
    } else if ("all" in place.dataset) {
      place.replaceChildren(...firing.map(card));
    } else {
      const link = document.createElement("a");
      link.href = "index.html";
      link.hash = location.hash;
      link.textContent = `${firing.length} alert${firing.length === 1 ? " fires" : "s fire"}: ${firing[0].annotations.summary || firing[0].labels.alertname}`;
      place.replaceChildren(link);
    }
  }

  return { show, worth };
})();

// SPDX-License-Identifier: MIT
// What the page does beyond showing: sort, filter, hide lines, keep its state in the hash. All is readable without it.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const table = $("#table"), body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const query = $("#q"), family = $("#family"), threads = $("#threads");
  rows.forEach((row, i) => {
    row.order = i;
    row.words = row.textContent.toLowerCase();
  });

  // --- the table -----------------------------------------------------------------------------------------------
  let sorted = null;  // {column, down}
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!heads[column].classList.contains("n")) return cell.textContent.trim();
    const number = parseFloat(cell.dataset.v ?? cell.textContent);
    return Number.isNaN(number) ? null : number;
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true}));
  const sort = (column, down) => {
    sorted = column === null ? null : {column, down};
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const keyed = rows.map(row => [column === null ? row.order : value(row, column), row]);
    keyed.sort(([a, x], [b, y]) => {
      if (a === null || b === null) return (a === null) - (b === null) || x.order - y.order;  // no number: always last
      return (down ? -compare(a, b) : compare(a, b)) || x.order - y.order;
    });
    body.append(...keyed.map(([, row]) => row));
  };
  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = (!family.value || row.cells[0].textContent.split(" · ")[0] === family.value) &&
                   (!threads.value || row.cells[4].textContent === threads.value) &&
                   words.every(word => row.words.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    $("#count").textContent = `${shown} of ${rows.length} cells`;
  };
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n");  // numbers: the largest first
      if (!sorted || sorted.column !== i) sort(i, first);
      else if (sorted.down === first) sort(i, !first);
      else sort(null, false);
      save();
    });
  });
  $(".filter").hidden = false;
  $(".filter").addEventListener("submit", event => event.preventDefault());
  for (const control of [query, family, threads]) control.addEventListener("input", () => (filter(), save()));

  // --- the plots -----------------------------------------------------------------------------------------------
  for (const section of $$(".family")) {
    for (const entry of $$(".entry", section)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "entry";
      button.title = `${entry.title}${entry.title ? " – " : ""}click to hide or show`;
      button.setAttribute("aria-pressed", "true");
      button.append(...entry.childNodes);
      entry.replaceWith(button);
      const i = entry.dataset.i;
      button.addEventListener("click", () => {
        const hidden = section.classList.toggle(`hide-${i}`);
        button.setAttribute("aria-pressed", String(!hidden));
        section.classList.toggle(`focus-${i}`, false);
      });
      for (const [on, off] of [["mouseenter", "mouseleave"], ["focus", "blur"]]) {
        button.addEventListener(on, () => {
          const shown = button.getAttribute("aria-pressed") === "true";
          section.classList.toggle(`focus-${i}`, shown && (on !== "focus" || button.matches(":focus-visible")));
        });
        button.addEventListener(off, () => section.classList.remove(`focus-${i}`));
      }
    }
  }
  const axes = $$(".family > input:not(.event)"), events = $$(".family > .event");
  const setAxis = name => axes.forEach(input => (input.checked = input.value === name));
  const first = events.filter(input => input.checked);  // each family's own choice
  const setEvent = name => {
    first.forEach(input => (input.checked = true));
    events.forEach(input => (input.checked = input.checked || input.value === name));
  };
  [...axes, ...events].forEach(input => input.addEventListener("change", () => {
    const top = input.parentElement.getBoundingClientRect().top;
    const set = input.className.startsWith("event") ? setEvent : setAxis;
    set(input.value);  // all families alike; stay where we are although the heights above may change
    scrollBy(0, input.parentElement.getBoundingClientRect().top - top);
    save();
  }));

  // --- the hash: #place?key=value&… ------------------------------------------------------------------------------
  const state = () => {
    const found = new URLSearchParams();
    if (query.value) found.set("q", query.value);
    if (family.value) found.set("family", family.value);
    if (threads.value) found.set("threads", threads.value);
    if (sorted) found.set("sort", `${sorted.column}${sorted.down ? "d" : "u"}`);
    const axis = axes.find(input => input.checked);
    if (axis && axis.value !== "linear") found.set("y", axis.value);
    const event = events.find(input => input.checked && !first.includes(input));
    if (event) found.set("e", event.value);
    return found.toString();
  };
  const place = () => decodeURIComponent(location.hash.slice(1).split("?")[0]);
  const save = () => {
    const now = state(), where = place() || (now ? "cells" : "");
    history.replaceState(null, "", where || now ? `#${where}${now ? "?" + now : ""}` : location.pathname);
  };
  const restore = () => {
    const text = location.hash.split("?")[1];
    if (text === undefined) return;
    const wanted = new URLSearchParams(text);
    query.value = wanted.get("q") ?? "";
    family.value = wanted.get("family") ?? "";
    threads.value = wanted.get("threads") ?? "";
    const order = /^(\d+)([du])$/.exec(wanted.get("sort") ?? "");
    if (order && +order[1] < heads.length) sort(+order[1], order[2] === "d");
    setAxis(axes.some(input => input.value === wanted.get("y")) ? wanted.get("y") : "linear");
    setEvent(wanted.get("e"));
    document.getElementById(place())?.scrollIntoView();
  };
  restore();
  filter();
  addEventListener("hashchange", () => (restore(), filter()));

  // --- plain files where the browser can unpack; the links themselves hold them packed -----------------------------
  for (const [id, type] of [["json", "application/json"], ["csv", "text/csv"]]) {
    const packed = $("#" + id);
    packed.addEventListener("click", async event => {
      if (typeof DecompressionStream === "undefined") return;
      event.preventDefault();
      const bytes = Uint8Array.from(atob(packed.href.split(",")[1]), c => c.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([await new Response(stream).blob()], {type}));
      link.download = packed.download.replace(/\.gz$/, "");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    });
  }
})();

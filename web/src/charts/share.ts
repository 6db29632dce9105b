/** A small bar for a table cell: as long as a share, with its track behind it. */

import { svg } from "./dom";

export function shareBar(share: number): SVGElement {
  const width = `${Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 100}%`;
  return svg(
    "svg",
    { class: "share-bar", "aria-hidden": "true" },
    svg("rect", { class: "funnel-track", width: "100%", height: "100%", rx: "3" }),
    svg("rect", { class: "funnel-fill", width, height: "100%", rx: "3" }),
  );
}

/** The few signs of the page. They say nothing that the text beside them or the button's label does not. */

import { html } from "lit-html";

/** A V-notch weir: a plate with a notch, the water standing in it and falling through. */
export const logo = html`<svg class="logo" viewBox="0 0 40 40" aria-hidden="true">
  <path class="logo-water" d="M4 9.5c2.7-2.4 5.3-2.4 8 0s5.3 2.4 8 0 5.3-2.4 8 0 5.3 2.4 8 0" />
  <path class="logo-stream" d="M10.5 14.5h19L20 30z" />
  <path class="logo-plate" d="M3 14.5h7.5L20 30l9.5-15.5H37V33a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3z" />
</svg>`;

export const up = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 13V3M3.5 7.5 8 3l4.5 4.5" /></svg>`;
export const down = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 3v10M3.5 8.5 8 13l4.5-4.5" /></svg>`;
export const cross = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8M12 4l-8 8" /></svg>`;
export const plus = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 3v10M3 8h10" /></svg>`;
export const chevron = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="m4 6 4 4 4-4" /></svg>`;
export const link = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M6.5 9.5a2.5 2.5 0 0 0 3.6 0l2.6-2.6a2.5 2.5 0 0 0-3.6-3.6l-.9.9M9.5 6.5a2.5 2.5 0 0 0-3.6 0L3.3 9.1a2.5 2.5 0 0 0 3.6 3.6l.9-.9" /></svg>`;
export const grip = html`<svg class="grip" viewBox="0 0 16 16" aria-hidden="true"><path d="M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01" /></svg>`;
export const back = html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M13 8H3m4.5-4.5L3 8l4.5 4.5" /></svg>`;

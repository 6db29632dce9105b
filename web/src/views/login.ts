/** The way in, where the server asks for one. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Context } from "./context";

export function loginForm(context: Context): TemplateResult {
  const { m, actions, state } = context;
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const token = new FormData(event.target as HTMLFormElement).get("token");
    if (typeof token === "string" && token.trim() !== "") void actions.session.login(token.trim());
  };
  const { login } = state;
  const said = login.status !== "failed" ? null : login.failure.kind === "unreachable" ? m.failure.unreachableTitle : login.failure.message;
  return html`<form class="login" @submit=${send}>
    <label for="token">${m.login.token}</label>
    <input id="token" name="token" type="password" autocomplete="current-password" required aria-describedby=${said === null ? nothing : "login-failed"} />
    <button type="submit" class="primary" ?disabled=${login.status === "saving"}>${m.login.enter}</button>
    ${said === null ? nothing : html`<p id="login-failed" class="problems" role="alert">${said}</p>`}
    <p class="hint">${m.login.hint}</p>
  </form>`;
}

/** Who is there, and a way out. */
export function sessionView({ state, m, actions }: Context): TemplateResult | typeof nothing {
  const { session } = state;
  if (session.status !== "ready" || session.value.name === null) return nothing;
  const { name, role } = session.value;
  return html`<span class="who" title=${role === null ? nothing : m.login.roles[role]}><bdi>${name}</bdi></span>
    <button type="button" class="quiet" @click=${() => actions.session.logout()}>${m.login.leave}</button>`;
}

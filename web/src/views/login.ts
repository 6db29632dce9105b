/** The way in, where the server asks for one: at a provider of identities, with a token, or both. */

import { type TemplateResult, html, nothing } from "lit-html";
import type { Session } from "../answers";
import { encode } from "../question/address";
import { type Context } from "./context";
import { failureView } from "./failure";
import { words } from "./text";

/** The page to which somebody comes back whom the provider did not let in, or who follows an old link to the login. */
export function loginPage(context: Context): TemplateResult {
  const { state, m } = context;
  const { session, route } = state;
  const failed = route.page === "login" ? route.failed : null;
  if (session.status === "loading") return html`<p class="muted" role="status">${m.loading}</p>`;
  if (session.status === "failed") return failureView(session.failure, context);
  return html`<h1>${m.login.title}</h1>
    ${failed === null ? nothing : whyNot(failed, session.value, context)} ${loginForms(context)}`;
}

function whyNot(code: string, { logins }: Session, { m }: Context): TemplateResult {
  const provider = logins.openid?.name ?? m.login.provider;
  const { title, body } = m.login.failed[code] ?? m.login.failed.other!;
  return html`<div class="notice" role="alert">
    <h2>${title}</h2>
    <p>${words(body(provider))}</p>
  </div>`;
}

/** The ways in that the server offers. */
export function loginForms(context: Context): TemplateResult {
  const { m, state } = context;
  const { session, login } = state;
  const logins = session.status === "ready" ? session.value.logins : { token: true, openid: null };
  if (logins.openid === null) return tokenForm(context);
  const { name, url } = logins.openid;
  const again = state.route.page === "login" && state.route.failed !== null;
  return html`<p class="buttons">
      <a class="primary" href="${url}?then=${encode(wanted(context))}">${words(again ? m.login.again(name) : m.login.with(name))}</a>
    </p>
    ${logins.token
      ? html`<details class="token-login" ?open=${login.status !== "editing"}>
          <summary>${m.login.withToken}</summary>
          ${tokenForm(context)}
        </details>`
      : nothing}`;
}

/** The address that the person wanted, from its `#` on. */
function wanted({ state, url }: Context): string {
  if (state.route.page === "login") return state.route.then;
  const at = url.indexOf("#");
  return at < 0 ? "#" : url.slice(at);
}

function tokenForm({ m, actions, state }: Context): TemplateResult {
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
  if (session.status !== "ready" || session.value.role === null) return nothing;
  const { role, user } = session.value;
  const name = session.value.name ?? user?.email ?? null;
  if (name === null) return nothing;
  const known = user === null || user.email === name ? "" : `${user.email}, `;
  return html`<span class="who" title="${known}${m.login.roles[role]}"><bdi>${name}</bdi></span>
    <button type="button" class="quiet" @click=${() => actions.session.logout()}>${m.login.leave}</button>`;
}
